# SPDX-License-Identifier: Apache-2.0
"""From a configuration to TOML, and over an older text without losing what people wrote into it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from netaddr import IPAddress

from director.config.address import parse_endpoint, parse_service_key
from director.config.edit import (
    add_destination,
    add_service,
    delete_destination,
    delete_service,
    edit_destination,
    edit_service,
)
from director.config.errors import ConfigError
from director.config.load import load
from director.config.save import save
from director.model.configuration import Configuration, Timeouts
from director.model.service import Destination, ForwardingMethod, Scheduler, VirtualService
from tests.unit.config.strategies import CONFIGURATIONS

WEB = parse_service_key("tcp:192.0.2.1:80")
DNS = parse_service_key("udp:192.0.2.1:53")
OLD = """\
# the director in rack 4
[director]
interfaces = ["eth0"] # towards the router

# slow clients
[timeouts]
udp = 5

# web
[[service]]
protocol = "tcp"
address = "192.0.2.1:80"  # the VIP
# the old machine
[[service.destination]]
address = "10.0.0.2:80" # first
method = "dr"
# the big machine
[[service.destination]]
address = "10.0.0.3:80"
method = "dr"
weight = 3   # has more cores

# names
[[service]]
protocol = "udp"
address = "192.0.2.1:53"
scheduler = "sh" # sticky
"""
TUNNELLED = Destination(IPAddress("10.0.0.9"), 80, ForwardingMethod.TUN)


@given(CONFIGURATIONS)
def test_what_is_saved_is_loaded_again(configuration: Configuration) -> None:
    assert load(save(configuration)) == configuration


@given(CONFIGURATIONS, CONFIGURATIONS)
def test_what_is_saved_over_another_text_is_loaded_again(new: Configuration, old: Configuration) -> None:
    assert load(save(new, save(old))) == new


@given(CONFIGURATIONS)
def test_what_is_saved_over_a_commented_text_is_loaded_again(configuration: Configuration) -> None:
    assert load(save(configuration, OLD)) == configuration


def test_saving_what_is_there_already_changes_nothing() -> None:
    assert save(load(OLD), OLD) == OLD


def test_an_edit_touches_only_its_own_line() -> None:
    edited = edit_destination(load(OLD), WEB, parse_endpoint("10.0.0.3:80"), lambda it: replace(it, weight=4))
    assert save(edited, OLD) == OLD.replace("weight = 3", "weight = 4")


def test_a_value_that_was_the_default_is_added_to_its_table() -> None:
    edited = edit_service(load(OLD), WEB, lambda it: replace(it, scheduler=Scheduler.RR))
    assert save(edited, OLD) == OLD.replace("# the VIP\n", '# the VIP\nscheduler = "rr"\n')


def test_a_new_destination_follows_its_service_and_the_comments_stay() -> None:
    edited = add_destination(load(OLD), WEB, TUNNELLED)
    block = '\n[[service.destination]]\naddress = "10.0.0.9:80"\nmethod = "tun"\nweight = 1\n'
    assert save(edited, OLD) == OLD.replace("more cores\n", f"more cores\n{block}")


def test_a_deleted_destination_takes_its_comment_along() -> None:
    edited = delete_destination(load(OLD), WEB, parse_endpoint("10.0.0.2:80"))
    gone = '# the old machine\n[[service.destination]]\naddress = "10.0.0.2:80" # first\nmethod = "dr"\n'
    assert save(edited, OLD) == OLD.replace(gone, "")


def test_a_deleted_service_takes_its_comment_and_destinations_along() -> None:
    start, end = OLD.index("\n# web"), OLD.index("\n# names")
    assert save(delete_service(load(OLD), WEB), OLD) == OLD[:start] + OLD[end:]


def test_a_new_service_is_written_at_the_end() -> None:
    edited = add_service(load(OLD), VirtualService(parse_service_key("tcp:192.0.2.1:443")))
    block = '\n[[service]]\nprotocol = "tcp"\naddress = "192.0.2.1:443"\nscheduler = "wlc"\n'
    assert save(edited, OLD) == OLD + block


def test_services_that_change_places_keep_their_comments() -> None:
    configuration = load(OLD)
    start, middle = OLD.index("\n# web"), OLD.index("\n# names")
    turned = replace(configuration, services=configuration.services[::-1])
    assert save(turned, OLD) == OLD[:start] + OLD[middle:] + OLD[start:middle]


def test_an_old_text_of_another_form_is_written_anew() -> None:
    old = 'timeouts = { udp = 5 } # inline\nservice = [{ protocol = "udp", address = "192.0.2.1:53" }]\n'
    edited = replace(load(old), timeouts=Timeouts(udp=6))
    assert save(edited, old) == (
        '[timeouts]\nudp = 6\n\n[[service]]\nprotocol = "udp"\naddress = "192.0.2.1:53"\nscheduler = "wlc"\n'
    )


def test_the_last_line_may_lack_its_end() -> None:
    old = "[timeouts]\nudp = 5"
    assert save(add_service(load(old), VirtualService(DNS)), old) == (
        '[timeouts]\nudp = 5\n\n[[service]]\nprotocol = "udp"\naddress = "192.0.2.1:53"\nscheduler = "wlc"\n'
    )


def test_a_text_that_is_not_toml_is_not_written_over() -> None:
    with pytest.raises(ConfigError) as caught:
        save(Configuration(), "a = \n", "director.toml")
    assert str(caught.value) == "director.toml: line 1, column 5: invalid value; expected TOML"
