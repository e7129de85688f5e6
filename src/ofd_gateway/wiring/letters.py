"""Letters to customers: planner, outbox and the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ofd_gateway.alerts.letters import Composer
from ofd_gateway.alerts.mailer import Mailer
from ofd_gateway.mail import Maildir, SmtpServer
from ofd_gateway.storage import (
    Database,
    Directory,
    LetterErasure,
    LetterPlanner,
    LetterStore,
    OperatorRecipient,
)

if TYPE_CHECKING:
    from ofd_gateway.clock import Clock
    from ofd_gateway.mail import Transport
    from ofd_gateway.metrics import Metrics
    from ofd_gateway.settings import Settings

__all__ = ["mail_transport", "make_mailer"]


def make_mailer(
    settings: Settings, database: Database, directory: Directory, *, metrics: Metrics, clock: Clock
) -> Mailer:
    """The mailer of letters about alerts, over its own pool of connections."""
    smtp, alerts = settings.smtp, settings.alerts
    planner = LetterPlanner(
        database,
        Composer(operator_name=settings.ofd.name, register_timezone=alerts.timezone, remedies=settings.fns.remedies),
        sender=smtp.sender,
        operator=OperatorRecipient(
            emails=tuple(alerts.operator_emails), name=settings.ofd.name, timezone=alerts.timezone
        ),
        notices=directory.notices,
        incident=alerts.incidents(),
    )
    return Mailer(
        planner,
        LetterStore(database, directory.notices),
        mail_transport(settings),
        clock,
        metrics,
        sender=smtp.sender,
        retry=smtp.retry(),
        parallel=smtp.parallel,
        erasure=LetterErasure(database),
        keep=alerts.keep_letters,
    )


def mail_transport(settings: Settings) -> Transport:
    """The mail server of the settings, or a Maildir in the state directory."""
    smtp = settings.smtp
    if not smtp.host:
        return Maildir(settings.state_dir / "mail")
    return SmtpServer(
        smtp.host,
        smtp.port,
        tls=smtp.tls,
        user=smtp.user,
        password=smtp.password,
        timeout_s=smtp.timeout.total_seconds(),
    )
