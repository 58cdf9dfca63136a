# SPDX-License-Identifier: Apache-2.0
"""Sessions that restore. The real ipvsadm does line by line what it can; ours does all lines, or none."""

from __future__ import annotations

from tests.interop.ipvsadm.session import Answer, Otherwise, session

WHOLE = "a restore with a bad line is refused whole, with the line's number; ipvsadm leaves half a table"


def whole(sentence: str, status: int = 255) -> Otherwise:
    return Otherwise(Answer("", f"{sentence}\n", status), WHOLE)


TRY = "Try `ipvsadm -h' or 'ipvsadm --help' for more information."
GOOD = session(
    "restores of good lines",
    r"""
-R <<< -A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 10.0.0.2:80 -g -w 1\n
-Sn
-R <<< ipvsadm -A -t 192.0.2.2:80 -s rr\n
-R <<< ipvsadm ipvsadm -A -t 192.0.2.3:80\n
-R <<< \n-A -t 192.0.2.5:80\n
-R <<< \t\n   \n\n-A -t 192.0.2.6:80\n
-R <<<    -A   -t   192.0.2.7:80   \n
-R <<< -A\t-t\t192.0.2.8:80\n
-R <<< -A -t 192.0.2.9:80\r\n-A -t 192.0.2.10:80\r\n
-R <<< -A -t 192.0.2.11:80
-R <<< ipvsadm\n
-R
-Ln
-R <<< -Z\n--set 1 2 3\n
-L --timeout
-R <<< -A -t 192.0.2.12:80 -p\n-a -t 192.0.2.12:80 -r 10.0.0.1:80\n-E -t 192.0.2.12:80\n
-R <<< -d -t 192.0.2.12:80 -r 10.0.0.1\n-a -t 192.0.2.12:80 -r 10.0.0.2\n
-R <<< -e -t 192.0.2.12:80 -r 10.0.0.2 -w 4\n
-Sn
-R <<< -D -t 192.0.2.12:80\n-A -t 192.0.2.12:81\n
-R <<< -A -f 7\n-a -f 7 -r 10.0.0.2:0 -g -w 1\n
-Sn
-R <<< -C\n-A -t 192.0.2.13:80\n
-Sn
-R <<< -L -n\n
-R <<< -S -n\n
-R <<< -v\n
-R <<< -C\n
-Ln
""",
)
BAD = session(
    "restores with a bad line",
    r"""
-R <<< # comment\n-A -t 192.0.2.4:80\n
-R <<< foo -A -t 192.0.2.6:80\n
-R <<< /sbin/ipvsadm -A -t 192.0.2.3:80 -s rr\n
-R <<< -A -t 192.0.2.9:80\n-A -x 192.0.2.7:80\n-A -t 192.0.2.10:80\n
-R <<< -A -t 192.0.2.11:80 -s
-R <<< -R\n-A -t 192.0.2.12:80\n
-R <<< -A -t "192.0.2.12:80"\n
-R <<< -A -t 192.0.2.15:80 extra\n
-R <<< -A -t 192.0.2.18:80 # hi\n
-R <<< --bogus\n
-R <<< x\n
-R <<< -A -t 192.0.2.16:80 -foo\n
-R <<< --set 1 2\n
-R <<< -A -t 192.0.2.20:80 -6\n
""",
    {
        r"-R <<< # comment\n-A -t 192.0.2.4:80\n": whole(f"line 1: {TRY}"),
        r"-R <<< foo -A -t 192.0.2.6:80\n": whole("line 1: unexpected argument foo", 2),
        r"-R <<< /sbin/ipvsadm -A -t 192.0.2.3:80 -s rr\n": whole(
            "line 1: unexpected argument /sbin/ipvsadm", 2
        ),
        r"-R <<< -A -t 192.0.2.9:80\n-A -x 192.0.2.7:80\n-A -t 192.0.2.10:80\n": whole(
            "line 2: illegal u_threshold specified", 2
        ),
        "-R <<< -A -t 192.0.2.11:80 -s": whole("line 1: -s: missing argument"),
        r"-R <<< -R\n-A -t 192.0.2.12:80\n": whole(f"line 1: {TRY}"),
        r'-R <<< -A -t "192.0.2.12:80"\n': whole(
            "line 1: illegal virtual server address[:port] specified", 2
        ),
        r"-R <<< -A -t 192.0.2.15:80 extra\n": whole("line 1: unexpected argument extra", 2),
        r"-R <<< -A -t 192.0.2.18:80 # hi\n": whole("line 1: unexpected argument #", 2),
        r"-R <<< --bogus\n": whole(f"line 1: {TRY}"),
        r"-R <<< x\n": whole(f"line 1: {TRY}"),
        r"-R <<< -A -t 192.0.2.16:80 -foo\n": whole(
            "line 1: multiple 'service-address' options specified", 2
        ),
        r"-R <<< --set 1 2\n": whole("line 1: --set option requires 3 timeout values", 2),
        r"-R <<< -A -t 192.0.2.20:80 -6\n": whole("line 1: -6 used before -f", 2),
    },
)
REFUSED = session(
    "restores with a line that can not be done",
    r"""
-R <<< -A -t 192.0.2.7:80\n-A -t 192.0.2.7:80\n-A -t 192.0.2.8:80\n
-R <<< -A -t 192.0.2.9:80\n\n-D -t 192.0.2.1:99\n
-R <<< -a -t 192.0.2.9:81 -r 10.0.0.2\n
-R <<< -A -t 192.0.2.14:80 -s nosuch\n-A -t 192.0.2.15:80\n
""",
    {
        r"-R <<< -A -t 192.0.2.7:80\n-A -t 192.0.2.7:80\n-A -t 192.0.2.8:80\n": whole(
            "line 2: Service already exists"
        ),
        r"-R <<< -A -t 192.0.2.9:80\n\n-D -t 192.0.2.1:99\n": whole("line 3: No such service"),
        r"-R <<< -a -t 192.0.2.9:81 -r 10.0.0.2\n": whole("line 1: Service not defined"),
        r"-R <<< -A -t 192.0.2.14:80 -s nosuch\n-A -t 192.0.2.15:80\n": whole(
            "line 1: Scheduler or persistence engine not found"
        ),
    },
)
RESTORES = (GOOD, BAD, REFUSED)
