"""Every error that the router raises, in one tree.

    CrossfadeError
    ├── ConfigurationError                       exit 2: something that was written is wrong
    │   ├── SettingsError                        a variable has a value that can't be used
    │   ├── ProjectNotFoundError                 no pyproject.toml with [tool.crossfade]
    │   ├── ProjectError                         [tool.crossfade] names something that isn't there
    │   ├── DatabaseUrlError                     a URL that can't be read
    │   ├── DriverNotSupportedError              a URL for a database or driver that isn't served
    │   ├── MaskedUrlError                       a URL copied from a place that hides passwords
    │   ├── RelativePathError                    a relative SQLite path that means several files
    │   ├── PrivateMemoryError                   `:memory:` where others would see another database
    │   ├── SourcesDisagreeError                 two variables name two databases
    │   ├── DifferentDatabasesError              the sync and the async side are on two databases
    │   ├── DjangoSettingsError                  DB_* that don't make a database
    │   ├── RevisionsError                       the project's revisions are no line of steps
    │   └── SelectionError                       tables or databases to copy or verify that can't be meant
    ├── RouterError                              exit 1: the router is used in a way that it refuses
    │   ├── NotConfiguredError                   asked before configure()
    │   ├── DatabaseInUseError                   configured anew while connections are out
    │   ├── EngineRetiredError                   an engine kept from an earlier configuration
    │   ├── OverrideOrderError                   scopes of override() left in the wrong order
    │   ├── SessionLentError                     a lent session of the other kind is in force
    │   ├── ConcurrentJointError                 transactions at once in a test that is one transaction
    │   ├── JointEndedError                      a test has ended the one transaction that it is
    │   └── LentElsewhereError                   a lent session is on another database
    ├── UnreachableError                         exit 3: the database doesn't answer
    │   ├── HostUnknownError                     its host name has no address
    │   ├── HostRefusedError                     nothing listens there
    │   ├── HostSilentError                      no answer in time
    │   ├── LoginRefusedError                    user or password
    │   ├── DatabaseMissingError                 the server or folder is there, the database isn't
    │   ├── DatabaseUnwritableError              the file can be read only, or not even that
    │   ├── NotADatabaseError                    the file is something else
    │   └── FileReplacedError                    the file was replaced while it was in use
    ├── DatabaseFailedError                      exit 3: a database gave up in the middle of long work
    ├── ServingError                             exit 1: the servers behind `crossfade up`
    │   ├── AddressError                         the front door's address can't be had
    │   └── StackFailedError                     a stack's process ended before it answered
    ├── CopyError                                exit 1: rows that can't be copied as they are
    │   ├── CopyConflictError                    the target has rows that this copy would meet
    │   ├── CopyFailedError                      the database objects to a row, or to what is built over them
    │   ├── CopyUndoneError                      the same, where all rows are one transaction: SQLite to SQLite
    │   ├── MergeFailedError                     the same in a merge: all of it was taken back
    │   ├── RepairFailedError                    the same, and what was repaired before it stays
    │   └── CopyInterruptedError                 the connection broke on the way
    └── RefusedError                             exit 3: possible, but it would do harm
        ├── NotDisposableError                   a test on a database that isn't one for tests
        ├── ForeignSchemaError                   tables that are not ours
        ├── UnknownRevisionError                 a schema that newer code has made
        ├── UnsupportedTypeError                 a column whose values only one engine knows
        ├── NotReadyError                        two databases that don't fit for a copy or a proof
        ├── DanglingError                        rows that would refer to rows that are left behind
        ├── SchemaBusyError                      somebody holds on to what is to be upgraded
        ├── WritesFrozenError                    a write to a database that is frozen
        ├── WritersBusyError                     writers that don't end, so that it can't be frozen or cleared
        ├── FreezeImpossibleError                none of the tables that are to be frozen are there
        ├── CopyRunningError                     another copy writes to the same target
        ├── CopyUnfinishedError                  the target holds half of another copy
        ├── TargetChangedError                   somebody else wrote where a copy is unfinished
        └── KeylessError                         rows that nothing tells apart would meet others

A class's docstring is the template of its message, its `code` never changes. Secrets in facts are masked.
What an error means over HTTP is left to the applications.
"""

from inspect import cleandoc
from typing import Any, ClassVar

from typing_extensions import override

from crossfade import redaction


class CrossfadeError(Exception):
    """{reason}."""

    code: ClassVar[str] = "crossfade"
    exit_code: ClassVar[int] = 1

    def __init__(self, **facts: Any) -> None:
        """The docstring of the class, with `facts` for its names."""
        # Only what is filled in can hold a secret; a template may show how a password is written.
        self.facts = {name: redaction.mask(fact) if isinstance(fact, str) else fact for name, fact in facts.items()}
        # A reason may be a sentence of somebody else's, and the template ends the sentence itself.
        said = {name: str(self.facts[name]).rstrip(". ") for name in ("reason", "advice") if name in facts}
        # python -OO drops docstrings: the code and the facts still say what happened.
        template = " ".join(cleandoc(type(self).__doc__ or "").split())
        super().__init__(template.format(**(self.facts | said)) if template else f"{self.code}: {self.facts}")

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        # Errors cross processes (workers, xdist) and BaseException would pickle the message as the only argument.
        return _rebuild, (type(self), self.facts)


def _rebuild(kind: type[CrossfadeError], facts: dict[str, Any]) -> CrossfadeError:
    return kind(**facts)


class ConfigurationError(CrossfadeError):
    """{reason}."""

    code = "configuration"
    exit_code = 2


class SettingsError(ConfigurationError):
    """{reason}."""

    code = "settings"


class ProjectNotFoundError(ConfigurationError):
    """No pyproject.toml with a [tool.crossfade] table in {start} or above it.

    Run the command inside the project, or set CROSSFADE_PROJECT to its directory.
    """

    code = "project-not-found"


class ProjectError(ConfigurationError):
    """[tool.crossfade] {key} of {file}: {reason}."""

    code = "project"


class DatabaseUrlError(ConfigurationError):
    """{variable}: {url} is not a database URL: {reason}.

    Write it as sqlite:///name.db or postgresql://user:password@host:5432/name.
    """

    code = "database-url"


class DriverNotSupportedError(ConfigurationError):
    """{variable}: {given} is not supported by this router. Supported are {supported}."""

    code = "driver-not-supported"


class MaskedUrlError(ConfigurationError):
    """{variable}: the password of {url} is `***`: it was copied from a place that hides passwords.

    Write the real one; in code, SQLAlchemy renders it when it is told not to hide passwords.
    """

    code = "masked-url"


class RelativePathError(ConfigurationError):
    """{variable}: {url} is a relative path and means {chosen}, which does not exist, but {others} does.

    Relative paths are under {instance}, whatever the working directory. Write the absolute path of the file you mean.
    """

    code = "relative-path"


class PrivateMemoryError(ConfigurationError):
    """{variable}: {url} is private to one connection, so the two stacks would each have a database of their own.

    Use a file, sqlite:///name.db, or within one process sqlite:///file:/name?vfs=memdb&uri=true.
    """

    code = "private-memory"


class SourcesDisagreeError(ConfigurationError):
    """{first} says {first_url}, but {second} says {second_url}. Unset one of them, or make them agree."""

    code = "sources-disagree"


class DifferentDatabasesError(ConfigurationError):
    """The sync side uses {sync_url} ({sync_source}), but the async side uses {async_url} ({async_source}).

    Both must come from one URL: ask the router for both engines.
    """

    code = "different-databases"


class DjangoSettingsError(ConfigurationError):
    """{variable}: {reason}."""

    code = "django-settings"


class RevisionsError(ConfigurationError):
    """The revisions of this project can't be used: {reason}."""

    code = "revisions"


class SelectionError(ConfigurationError):
    """{reason}."""

    code = "selection"


class RouterError(CrossfadeError):
    """{reason}."""

    code = "router"


class NotConfiguredError(RouterError):
    """The router was asked for {asked} before it was configured.

    Call router.configure(settings) at start-up; there is no default database.
    """

    code = "not-configured"


class DatabaseInUseError(RouterError):
    """The databases can't be changed while {count} connection(s) are in use: {uses}.

    Close the sessions and connections first.
    """

    code = "database-in-use"


class EngineRetiredError(RouterError):
    """This engine of {url} was made at {place}, and the router has been configured anew since.

    Don't keep engines: ask the router for one when it is needed.
    """

    code = "engine-retired"


class OverrideOrderError(RouterError):
    """Scopes of router.override() must be left in the reverse order of entering.

    The one entered at {place} is not the newest.
    """

    code = "override-order"


class SessionLentError(RouterError):
    """{wanted} was asked for while {lent} is lent. Lend one of the kind that the code under it uses."""

    code = "session-lent"


class ConcurrentJointError(RouterError):
    """Two transactions were open at once on {whose}, and one that wrote is undone after another one wrote too.

    On one connection that would undo both. End the first before the second begins, or {instead}.
    """

    code = "concurrent-joint"


class JointEndedError(RouterError):
    """The joint transaction of this test had ended before the test did, by a COMMIT or ROLLBACK in so many words.

    What it wrote may have stayed, so the database is made anew. Mark it @pytest.mark.crossfade(isolation="restore").
    """

    code = "joint-ended"


class LentElsewhereError(RouterError):
    """The lent session is on {lent_url}, but the {stack} stack is on {url}. Lend a session of that database."""

    code = "lent-elsewhere"


class UnreachableError(CrossfadeError):
    """Can't connect to {url}, which comes from {source}: {reason}."""

    code = "unreachable"
    exit_code = 3


class HostUnknownError(UnreachableError):
    """The host {host} of {url} has no address; it comes from {source}. Check the name, or the network's DNS."""

    code = "host-unknown"


class HostRefusedError(UnreachableError):
    """Nothing accepts connections at {host} for {url}, which comes from {source}. Is the server running?"""

    code = "host-refused"


class HostSilentError(UnreachableError):
    """{host} gave no answer in time for {url}, which comes from {source}. Check the host, the port and firewalls."""

    code = "host-silent"


class LoginRefusedError(UnreachableError):
    """The server refused the login of {user} for {url}, which comes from {source}: {reason}."""

    code = "login-refused"


class DatabaseMissingError(UnreachableError):
    """There is no database {database}; the name comes from {source}. {advice}."""

    code = "database-missing"


class DatabaseUnwritableError(UnreachableError):
    """The database {database} can't be written: {reason}; the name comes from {source}.

    The file and its folder must be writable for the user who runs this.
    """

    code = "database-unwritable"


class NotADatabaseError(UnreachableError):
    """{database} is not an SQLite database: {reason}; the name comes from {source}."""

    code = "not-a-database"


class FileReplacedError(UnreachableError):
    """The file {database} was deleted or replaced while it was in use; the name comes from {source}.

    Stop the processes that use a database before its file is replaced, then try again.
    """

    code = "file-replaced"


class DatabaseFailedError(CrossfadeError):
    """The database gave up: {reason}. What was committed stays; once the cause is gone, the same command goes on."""

    code = "database-failed"
    exit_code = 3


class ServingError(CrossfadeError):
    """{reason}."""

    code = "serving"


class AddressError(ServingError):
    """Can't listen on {host}, port {port}: {reason}."""

    code = "address"


class StackFailedError(ServingError):
    """The {stack} application did not start: {reason}. Its last words: {words}"""  # noqa: D415

    code = "stack-failed"


class CopyError(CrossfadeError):
    """{reason}."""

    code = "copy"


class CopyConflictError(CopyError):
    """{table}: {rows} rows came into the target while the copy was on its way, and --on-conflict is error.

    Nothing was changed. Choose --on-conflict skip, update or newest, and call it again.
    """

    code = "copy-conflict"


class CopyFailedError(CopyError):
    """{table} of {url}: {reason}. What was copied stays; once the cause is gone, the same command goes on."""

    code = "copy-failed"


class CopyUndoneError(CopyError):
    """{table} of {url}: {reason}. Nothing was copied; once the cause is gone, call it again."""

    code = "copy-undone"


class MergeFailedError(CopyError):
    """{table} of {url}: {reason}. Nothing was changed; once the cause is gone, call it again."""

    code = "merge-failed"


class RepairFailedError(CopyError):
    """{table} of {url}: {reason}. What was repaired stays; once the cause is gone, the same command does the rest."""

    code = "repair-failed"


class CopyInterruptedError(CopyError):
    """The connection to {url} broke: {reason}. What was committed stays; the same command goes on from there."""

    code = "copy-interrupted"
    exit_code = 3


class RefusedError(CrossfadeError):
    """{reason}."""

    code = "refused"
    exit_code = 3


class NotDisposableError(RefusedError):
    """{url} is not a database for tests: {reason}; it comes from {source}. Nothing was changed.

    Name an empty one with `test` as a word in its name, on this machine or one that crossfade_hosts lists for pytest.
    """

    code = "not-disposable"


class ForeignSchemaError(RefusedError):
    """{url} ({source}) has tables, but not those of this application, or not as it made them. Nothing was changed.

    The differences: {differences}
    """

    code = "foreign-schema"


class UnknownRevisionError(RefusedError):
    """{url} ({source}) is at revision {revision}, which this version of the code doesn't have. Nothing was changed.

    Newer code has upgraded it, or it belongs to another application.
    """

    code = "unknown-revision"


class UnsupportedTypeError(RefusedError):
    """{place} has the type {type}, which only one of the two databases knows. Nothing was changed.

    Leave the table out with --exclude, or give the type a variant that both have.
    """

    code = "unsupported-type"


class NotReadyError(RefusedError):
    """Nothing was copied or compared: {reason}."""

    code = "not-ready"


class DanglingError(RefusedError):
    """Nothing was copied, because rows would refer to others that the target doesn't have: {reason}.

    {advice}.
    """

    code = "dangling"


class SchemaBusyError(RefusedError):
    """{url} ({source}) can't be upgraded now, others hold on to it: {reason}. Nothing was changed; try again."""

    code = "schema-busy"


class WritesFrozenError(RefusedError):
    """Writes to {url} ({source}) are frozen. Nothing was changed; reading goes on.

    `crossfade doctor` says since when and why, `crossfade thaw` lets writers in again.
    """

    code = "writes-frozen"


class WritersBusyError(RefusedError):
    """{url}: others were in the way for {seconds:.0f} s, {reason}. Let them end, or end them; then call it again."""

    code = "writers-busy"


class FreezeImpossibleError(RefusedError):
    """{url} has none of the tables that are to be frozen. Nothing was changed.

    `crossfade init` makes them; `crossfade routes` says which databases the stacks use.
    """

    code = "freeze-impossible"


class CopyRunningError(RefusedError):
    """Another copy into {url} is at work. Nothing was changed. Let it end, or stop it; then call this one again."""

    code = "copy-running"


class CopyUnfinishedError(RefusedError):
    """{url} holds an unfinished copy of {tables} from {source}, begun at {began}. Nothing was changed.

    Finish it with the source and the tables of then, or give up what it has copied: add --restart.
    """

    code = "copy-unfinished"


class TargetChangedError(RefusedError):
    """{table} of {url} has {found} rows, but the unfinished copy of {began} put {copied} there. Nothing was changed.

    Somebody else wrote to it. Look at what was written; then empty {table}, which the copy fills again.
    """

    code = "target-changed"


class KeylessError(RefusedError):
    """{tables} of {url} has rows, and no primary key to tell which of them are the same as the source's.

    A table without a key is copied into an empty one only. Empty it, or leave it out: --exclude {tables}.
    """

    code = "keyless"
