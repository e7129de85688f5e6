"""PostgreSQL: the embedded server, migrations, and the only SQL of the project."""

from ofd_gateway.storage.command import dsn_for_command, open_for_command
from ofd_gateway.storage.commit import Outboxes, Watching
from ofd_gateway.storage.customers import Customer, CustomerBook
from ofd_gateway.storage.database import CONNECTION_ERRORS, Database, masked_dsn
from ofd_gateway.storage.deadlines import DeadlineStore
from ofd_gateway.storage.directory import Directory
from ofd_gateway.storage.documents import DocumentRecord, DocumentStore, QuarantineRecord
from ofd_gateway.storage.embedded import EmbeddedPostgres, running_dsn
from ofd_gateway.storage.errors import (
    DatabaseBusy,
    DatabaseError,
    DatabaseUnavailable,
    DatabaseUnsafe,
    MigrationChanged,
    SchemaMismatch,
    StoreFailed,
)
from ofd_gateway.storage.letter_groups import LetterPlanner, OperatorRecipient
from ofd_gateway.storage.letters import LetterStore
from ofd_gateway.storage.migrations import migrate
from ofd_gateway.storage.packages import Package, PackageBook
from ofd_gateway.storage.receipts import ReceiptStore, StoredReceipt
from ofd_gateway.storage.registers import RegisterBook, RegisterRecord, RegisterSettings
from ofd_gateway.storage.service_runs import ServiceRuns

__all__ = [
    "CONNECTION_ERRORS",
    "Customer",
    "CustomerBook",
    "Database",
    "DatabaseBusy",
    "DatabaseError",
    "DatabaseUnavailable",
    "DatabaseUnsafe",
    "DeadlineStore",
    "Directory",
    "DocumentRecord",
    "DocumentStore",
    "EmbeddedPostgres",
    "LetterPlanner",
    "LetterStore",
    "MigrationChanged",
    "OperatorRecipient",
    "Outboxes",
    "Package",
    "PackageBook",
    "QuarantineRecord",
    "ReceiptStore",
    "RegisterBook",
    "RegisterRecord",
    "RegisterSettings",
    "SchemaMismatch",
    "ServiceRuns",
    "StoreFailed",
    "StoredReceipt",
    "Watching",
    "dsn_for_command",
    "masked_dsn",
    "migrate",
    "open_for_command",
    "running_dsn",
]
