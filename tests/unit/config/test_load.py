# SPDX-License-Identifier: Apache-2.0
"""From text to a configuration, or to every fault in it at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from netaddr import IPAddress

from director.config.errors import ConfigError, Fault
from director.config.limits import MAX_SERVICE_DESTINATIONS, MAX_SERVICES, MAX_TEXT
from director.config.load import configuration_from, json_values, load, toml_values
from director.model.configuration import Configuration, DatapathKind, Settings, Timeouts, Tunables
from director.model.service import (
    Destination,
    ForwardingMethod,
    Protocol,
    Scheduler,
    SchedulerFlag,
    ServiceKey,
    VirtualService,
)

WHOLE = """
[director]
datapath = "packet"
interfaces = ["eth0", "eth1"]
workers = 2
connections = 5000
bind_vips = false
[timeouts]
tcp_established = 600
[sysctl]
conn_reuse_mode = 2
[[service]]
protocol = "tcp"
address = "192.0.2.1:80"
scheduler = "mh"
flags = ["mh-port", "mh-fallback"]
[[service.destination]]
address = "10.0.0.2:8080"
method = "nat"
weight = 2147483647
[[service.destination]]
address = "10.0.0.3:80"
method = "tun"
[[service]]
protocol = "udp"
address = "192.0.2.1:53"
"""

SERVICE = '[[service]]\nprotocol = "tcp"\naddress = "192.0.2.1:80"\n'
DESTINATION = '[[service.destination]]\naddress = "10.0.0.2:80"\nmethod = "dr"\n'

# text, and the sentences that name all its faults
FAULTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "an unknown table": ("[timeout]\n", ("timeout: unknown key; did you mean timeouts?",)),
    "an unknown key": (
        "[sysctl]\nbogus = 1\n",
        ("sysctl.bogus: unknown key; there are 26, and docs/configuration.md lists them",),
    ),
    "a misspelt key": (
        SERVICE + 'schedulr = "rr"\n',
        ("service[0].schedulr: unknown key; did you mean scheduler?",),
    ),
    "a switch that only the kernel has": (
        "[sysctl]\ncache_bypass = 1\n",
        (("sysctl.cache_bypass: the kernel has it, and a director does not: "
         "only packets to services are taken"),),
    ),
    "a key that is not a word": ('"a b" = 1\n', (
        '"a b": unknown key; expected one of director, mark, service, sync, sysctl, timeouts',
    )),
    "a mark that is none": ("[[service]]\nmark = 0\n", ("service[0].mark: 0 is below 1",)),
    "a mask without persistence": (
        SERVICE + 'persistence_mask = "24"\n',
        ("service[0].persistence_mask: a mask belongs to persistence, and this service has none",),
    ),
    "a missing address": (
        '[[service]]\nprotocol = "tcp"\n',
        ("service[0].address: missing; expected an address and port such as 192.0.2.1:80",),
    ),
    "a bad address": (
        SERVICE.replace("192.0.2.1", "192.0.2.256"),
        ('service[0].address: "192.0.2.256:80" is not an address and port such as 192.0.2.1:80',),
    ),
    "a name instead of an address": (
        SERVICE.replace("192.0.2.1", "www.example.net"),
        ('service[0].address: "www.example.net:80" is not an address and port such as 192.0.2.1:80',),
    ),
    "port 0": (
        SERVICE.replace(":80", ":0"),
        (
            "service[0].address: port 0 stands for all ports, and only a persistent service can have them",
        ),
    ),
    "port 65536": (
        SERVICE.replace(":80", ":65536"),
        ('service[0].address: "192.0.2.1:65536" has port 65536; expected a port from 0 to 65535',),
    ),
    "no port": (
        SERVICE + DESTINATION.replace("10.0.0.2:80", "10.0.0.2"),
        (('service[0].destination[0].address: "10.0.0.2" has no port; '
         "expected an address and port such as 192.0.2.1:80"),),
    ),
    "an IPv6 address without brackets": (
        SERVICE.replace("192.0.2.1:80", "2001:db8::1:80"),
        (('service[0].address: "2001:db8::1:80" has no port; '
          "expected an address and port such as [2001:db8::1]:80"),),
    ),
    "weight -1": (
        SERVICE + DESTINATION + "weight = -1\n",
        ("service[0].destination[0].weight: -1 is below 0",),
    ),
    "a weight that 31 bits cannot hold": (
        SERVICE + DESTINATION + "weight = 2147483648\n",
        ("service[0].destination[0].weight: 2147483648 is above 2147483647",),
    ),
    "a weight in quotes": (
        SERVICE + DESTINATION + 'weight = "1"\n',
        ('service[0].destination[0].weight: "1" is not an integer from 0 to 2147483647',),
    ),
    "a weight that is a truth value": (
        SERVICE + DESTINATION + "weight = true\n",
        ("service[0].destination[0].weight: true is not an integer from 0 to 2147483647",),
    ),
    "a duplicate service": (
        SERVICE + SERVICE,
        ("service[1]: tcp:192.0.2.1:80 is already service[0]",),
    ),
    "a duplicate destination": (
        SERVICE + DESTINATION + DESTINATION,
        ("service[0].destination[1]: 10.0.0.2:80 is already service[0].destination[0]",),
    ),
    "mixed families": (
        SERVICE + DESTINATION.replace("10.0.0.2", "[2001:db8::2]"),
        (("service[0].destination[0].address: [2001:db8::2]:80 is IPv6 and its service IPv4; "
         "dr does not mix them, tun does"),),
    ),
    "a link-local server": (
        SERVICE.replace("192.0.2.1", "[2001:db8::1]") + DESTINATION.replace("10.0.0.2", "[fe80::2]"),
        (("service[0].destination[0].address: [fe80::2]:80 is link-local, "
         "and on which interface it does not say"),),
    ),
    "an unknown scheduler": (
        SERVICE + 'scheduler = "wlcc"\n',
        ('service[0].scheduler: "wlcc" is not a scheduler; did you mean "wlc"?',),
    ),
    "an unknown forwarding method": (
        SERVICE + DESTINATION.replace('"dr"', '"masq"'),
        (('service[0].destination[0].method: "masq" is not a forwarding method; '
          "expected one of dr, tun, nat"),),
    ),
    "another scheduler's flag": (
        SERVICE + 'flags = ["sh-port"]\n',
        ("service[0].flags: sh-port belongs to the scheduler sh, and this service has wlc",),
    ),
    "another port behind direct routing": (
        SERVICE + DESTINATION.replace(":80", ":8080"),
        ("service[0].destination[0].address: 10.0.0.2:8080 has port 8080; dr keeps the service's port 80",),
    ),
    "a multicast VIP": (
        SERVICE.replace("192.0.2.1", "224.0.0.1"),
        ('service[0].address: "224.0.0.1:80" is a multicast address; expected a unicast address',),
    ),
    "a loopback VIP": (
        SERVICE.replace("192.0.2.1", "127.0.0.1"),
        ('service[0].address: "127.0.0.1:80" is a loopback address; expected a unicast address',),
    ),
    "a multicast real server": (
        SERVICE + DESTINATION.replace("10.0.0.2", "224.0.0.1"),
        (('service[0].destination[0].address: "224.0.0.1:80" is a multicast address; '
          "expected a unicast address"),),
    ),
    "the broadcast address": (
        SERVICE.replace("192.0.2.1", "255.255.255.255"),
        ('service[0].address: "255.255.255.255:80" is the broadcast address; expected a unicast address',),
    ),
    "no address at all": (
        SERVICE.replace("192.0.2.1", "0.0.0.0"),
        ('service[0].address: "0.0.0.0:80" is an unspecified address; expected a unicast address',),
    ),
    "a negative timeout": ("[timeouts]\nudp = -5\n", ("timeouts.udp: -5 is below 1",)),
    "a timeout of nothing": ("[timeouts]\nudp = 0\n", ("timeouts.udp: 0 is below 1",)),
    "a service that is no table": ("service = [3]\n", ("service[0]: 3 is not a table",)),
    "services that are no list": ("[service]\n", ("service: a table is not a list of tables",)),
    "destinations that are no list": (
        SERVICE + "destination = 1\n",
        ("service[0].destination: 1 is not a list of tables",),
    ),
    "an interface name that is too long": (
        '[director]\ninterfaces = ["eth0", "abcdefghijklmnop"]\n',
        ('director.interfaces[1]: "abcdefghijklmnop" is not an interface name of at most 15 characters',),
    ),
    "an interface given twice": (
        '[director]\ninterfaces = ["eth0", "eth1", "eth0"]\n',
        ('director.interfaces: "eth0" is given more than once',),
    ),
    "a flag given twice": (
        SERVICE + 'scheduler = "sh"\nflags = ["sh-port", "sh-port"]\n',
        ('service[0].flags: "sh-port" is given more than once',),
    ),
    "a syntax error": ("a = 1\nb = \n", ("line 2, column 5: invalid value; expected TOML",)),
    "a text that ends too early": ("a = 1\nb = [1,", ("line 2, column 8: invalid value; expected TOML",)),
    "faults in several places": (
        "[timeouts]\nudp = 0\n" + SERVICE + 'flags = ["x"]\n' + DESTINATION + "weight = -1\n" + DESTINATION
        + SERVICE + DESTINATION + DESTINATION,
        (
            "timeouts.udp: 0 is below 1",
            ('service[0].flags[0]: "x" is not a scheduler flag; '
            "expected one of sh-fallback, sh-port, mh-fallback, mh-port"),
            "service[0].destination[0].weight: -1 is below 0",
            "service[1].destination[1]: 10.0.0.2:80 is already service[1].destination[0]",
        ),
    ),
}  # fmt: skip


def sentences(data: str | bytes) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(data)
    return tuple(str(fault) for fault in caught.value.faults)


def test_a_whole_configuration_is_read_as_written() -> None:
    web = ServiceKey(Protocol.TCP, IPAddress("192.0.2.1"), 80)
    dns = ServiceKey(Protocol.UDP, IPAddress("192.0.2.1"), 53)
    assert load(WHOLE) == Configuration(
        services=(
            VirtualService(
                web,
                Scheduler.MH,
                frozenset({SchedulerFlag.MH_PORT, SchedulerFlag.MH_FALLBACK}),
                (
                    Destination(IPAddress("10.0.0.2"), 8080, ForwardingMethod.NAT, 2147483647),
                    Destination(IPAddress("10.0.0.3"), 80, ForwardingMethod.TUN, 1),
                ),
            ),
            VirtualService(dns),
        ),
        timeouts=Timeouts(tcp_established=600),
        tunables=Tunables(conn_reuse_mode=2),
        settings=Settings(DatapathKind.PACKET, ("eth0", "eth1"), 2, 5000, bind_vips=False),
    )


def test_an_empty_text_is_the_default_configuration() -> None:
    assert load("") == Configuration()


@pytest.mark.parametrize(("text", "wanted"), FAULTS.values(), ids=FAULTS.keys())
def test_every_fault_is_named_with_its_key_and_what_was_found(text: str, wanted: tuple[str, ...]) -> None:
    assert sentences(text) == wanted


def test_the_file_stands_before_each_fault() -> None:
    with pytest.raises(ConfigError) as caught:
        load("[timeouts]\nudp = 0\nlan = 1\n", "director.toml")
    assert str(caught.value).splitlines() == [
        "director.toml: timeouts.udp: 0 is below 1",
        "director.toml: timeouts.lan: unknown key; there are 26, and docs/configuration.md lists them",
    ]


def test_bytes_that_are_not_utf8_are_refused_with_their_place() -> None:
    assert sentences(b"a = '\xff'") == ("is not UTF-8: byte 0xff at offset 5; expected text in UTF-8",)


def test_a_text_that_is_too_large_is_refused_before_it_is_parsed() -> None:
    assert sentences("#" * (MAX_TEXT + 1)) == (f"has {MAX_TEXT + 1} bytes; expected at most {MAX_TEXT}",)


def test_a_service_with_more_destinations_than_the_table_holds_is_refused() -> None:
    count = MAX_SERVICE_DESTINATIONS + 1
    below = [{"address": f"10.0.{n >> 8}.{n & 255}:80", "method": "dr"} for n in range(1, count + 1)]
    with pytest.raises(ConfigError) as caught:
        configuration_from(
            {"service": [{"protocol": "tcp", "address": "192.0.2.1:80", "destination": below}]}
        )
    assert str(caught.value) == "service[0].destination: 1025 destinations are more than 1024"


def test_more_services_than_the_table_holds_are_refused() -> None:
    services = [{"protocol": "tcp", "address": f"192.0.2.1:{port}"} for port in range(1, MAX_SERVICES + 2)]
    with pytest.raises(ConfigError) as caught:
        configuration_from({"service": services})
    assert str(caught.value) == "service: 4096 services are more than 4095"


def test_json_is_held_to_the_same_shape() -> None:
    assert configuration_from(json_values('{"timeouts": {"udp": 9}}')) == Configuration(
        timeouts=Timeouts(udp=9)
    )
    with pytest.raises(ConfigError, match="null is not a table"):
        configuration_from(json_values("null"))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"a": ', "line 1, column 7: Expecting value; expected JSON"),
        ("[" * 100_000, "is nested too deeply; expected flat objects"),
        ("NaN", "is not JSON: NaN is not a number; expected JSON"),
    ],
)
def test_bad_json_is_refused_in_words(text: str, wanted: str) -> None:
    with pytest.raises(ConfigError) as caught:
        json_values(text)
    assert str(caught.value) == wanted


def outcome(read: Callable[[], object]) -> object:
    """Return what was read, or the sentence of the ConfigError; any other exception fails the test."""
    try:
        return read()
    except ConfigError as error:
        return error.sentence


WORDS = st.sampled_from(
    (
        "[[service]]", "[[service.destination]]", "[director]", "[timeouts]", "[sysctl]", "\n", "=", '"',
        "'''", "protocol", "address", '"192.0.2.1:80"', '"tcp"', "weight", "-1", "[", "]", "{", "}", "#", ".",
        "1e999", "1979-05-27T07:32:00Z", "true", "\\u0000", "nan", "0x7fffffffffffffffffff", "é", "\r",
    )
)  # fmt: skip


@given(st.one_of(st.text(), st.binary(), st.lists(WORDS, max_size=40).map(" ".join)))
@example("a = " + "[" * 50_000)
@example("a = " + "9" * 5000)
@example("a.b.c = 1\n" * 2)
def test_any_text_gives_a_configuration_or_a_config_error(data: str | bytes) -> None:
    assert outcome(lambda: load(data, "f"))


PLAIN = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.just("192.0.2.1:80")
    ),
    lambda below: st.one_of(
        st.lists(below, max_size=3),
        st.dictionaries(
            st.one_of(
                st.sampled_from(
                    (
                        "service",
                        "destination",
                        "director",
                        "timeouts",
                        "address",
                        "weight",
                        "flags",
                        "protocol",
                    )
                ),
                st.text(max_size=5),
            ),
            below,
            max_size=5,
        ),
    ),
    max_leaves=20,
)


@given(PLAIN)
def test_any_plain_values_give_a_configuration_or_a_config_error(raw: object) -> None:
    assert outcome(lambda: configuration_from(raw))


@given(st.one_of(st.text(), st.binary()))
def test_any_text_is_json_or_a_config_error(data: str | bytes) -> None:
    assert outcome(lambda: (json_values(data),))


def test_toml_values_are_plain() -> None:
    assert toml_values("a = [1]\n[b]\nc = 'd'") == {"a": [1], "b": {"c": "d"}}


@pytest.mark.parametrize("read", [lambda digits: toml_values(f"a = {digits}"), json_values])
def test_an_integer_of_too_many_digits_is_refused_in_our_words(read: Callable[[str], object]) -> None:
    with pytest.raises(ConfigError) as caught:
        read("1" * 5000)
    assert str(caught.value) == "has an integer of more than 4300 digits; expected numbers of their range"


def test_a_json_key_given_twice_is_refused_by_its_name() -> None:
    with pytest.raises(ConfigError) as caught:
        json_values('{"service": [{"weight": 1, "weight": 2}], "timeouts": {}}')
    assert caught.value.faults == (
        Fault("weight", "the key twice", "each key once", "is given more than once"),
    )
