"""PostgreSQL: the embedded server, migrations, and the only SQL of the project."""

from ofd_gateway.storage.buyer_archive import BuyerArchive, BuyerMessage
from ofd_gateway.storage.buyer_erasure import BuyerErasure
from ofd_gateway.storage.buyer_mail import BuyerMailStore
from ofd_gateway.storage.buyer_queue import BuyerQueue
from ofd_gateway.storage.buyer_sms import SmsStore
from ofd_gateway.storage.command import dsn_for_command, open_for_command
from ofd_gateway.storage.commit import Outboxes, Watching
from ofd_gateway.storage.customers import Customer, CustomerBook
from ofd_gateway.storage.database import CONNECTION_ERRORS, Database, masked_dsn
from ofd_gateway.storage.deadlines import DeadlineStore
from ofd_gateway.storage.directory import Directory
from ofd_gateway.storage.document_retention import DocumentRetention, Forgettable
from ofd_gateway.storage.documents import ArrivalKey, DocumentRecord, DocumentStore, QuarantineRecord
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
from ofd_gateway.storage.faults import FaultBook, FaultRecord, FaultsOff, FaultUnknown
from ofd_gateway.storage.feed import BEGINNING, Feed
from ofd_gateway.storage.feed_cursor import Cursor, CursorUnreadable, FeedKey, Horizon, read_cursor, spell_cursor
from ofd_gateway.storage.fns_endpoint import FnsEndpoint
from ofd_gateway.storage.fns_outbox import FnsOutbox
from ofd_gateway.storage.letter_erasure import LetterErasure
from ofd_gateway.storage.letter_groups import LetterPlanner, OperatorRecipient
from ofd_gateway.storage.letters import LetterStore
from ofd_gateway.storage.migrations import migrate
from ofd_gateway.storage.packages import Package, PackageBook
from ofd_gateway.storage.receipts import ReceiptStore, StoredReceipt
from ofd_gateway.storage.registers import RegisterBook, RegisterRecord, RegisterSettings
from ofd_gateway.storage.service_runs import ServiceRuns
from ofd_gateway.storage.sessions import with_peer_timeout

__all__ = [
    "BEGINNING",
    "CONNECTION_ERRORS",
    "ArrivalKey",
    "BuyerArchive",
    "BuyerErasure",
    "BuyerMailStore",
    "BuyerMessage",
    "BuyerQueue",
    "Cursor",
    "CursorUnreadable",
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
    "DocumentRetention",
    "DocumentStore",
    "EmbeddedPostgres",
    "FaultBook",
    "FaultRecord",
    "FaultUnknown",
    "FaultsOff",
    "Feed",
    "FeedKey",
    "FnsEndpoint",
    "FnsOutbox",
    "Forgettable",
    "Horizon",
    "LetterErasure",
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
    "SmsStore",
    "StoreFailed",
    "StoredReceipt",
    "Watching",
    "dsn_for_command",
    "masked_dsn",
    "migrate",
    "open_for_command",
    "read_cursor",
    "running_dsn",
    "spell_cursor",
    "with_peer_timeout",
]
