# SPDX-License-Identifier: Apache-2.0
"""The demo's configuration is one that the director takes, and its weights differ."""

from __future__ import annotations

from demo.cast import HOSTS, SERVICES, Application, Method, configuration, duties
from director.config.load import load


def test_the_configuration_is_one_that_the_director_takes() -> None:
    services = {str(service.key): service for service in load(configuration(SERVICES)).services}
    assert {name: [it.weight for it in one.destinations] for name, one in services.items()} == {
        str(service): [server.weight for server in service.servers] for service in SERVICES
    }


def test_there_is_a_service_for_each_method_and_application() -> None:
    assert [(one.method, one.application) for one in SERVICES] == [
        (method, application) for application in Application for method in Method
    ]


def test_no_service_has_all_weights_the_same() -> None:
    assert [one.name for one in SERVICES if len({server.weight for server in one.servers}) == 1] == []


def test_each_real_server_has_a_duty_for_each_method() -> None:
    methods = {node: [words[words.index("--method") + 1] for words in duties(node)] for node in HOSTS}
    assert methods == {node: ["dr", "tun", "nat"] for node in HOSTS}
