# SPDX-License-Identifier: Apache-2.0
"""The table of contenders holds together."""

from bench.contenders import BY_NAME, CONTENDERS, DATAPATHS, FIT_FOR_XDP, METHODS, Replies


def test_names_are_unique_and_every_data_path_competes_by_every_method() -> None:
    assert len(BY_NAME) == len(CONTENDERS)
    assert {f"{datapath}-{method}" for datapath in DATAPATHS for method in METHODS} <= set(BY_NAME)


def test_each_is_compared_with_forwarding_of_its_own_shape() -> None:
    others = [one for one in CONTENDERS if one.is_director and one.replies is not Replies.NONE]
    assert [one.name for one in others if BY_NAME[one.forwarding].replies is not one.replies] == []


def test_only_what_bypasses_the_director_has_a_route_past_it() -> None:
    def goes_past(steps: object) -> bool:
        return "10.3.0.10" in repr(steps)

    others = [one for one in CONTENDERS if one.is_director]
    assert [one.name for one in others if goes_past(one.steps) is not (one.replies is Replies.BYPASS)] == []


def test_senders_and_receivers_are_made_fit_for_xdp_and_the_title_says_so() -> None:
    fit = {one.name for one in CONTENDERS if set(FIT_FOR_XDP) <= set(one.steps)}
    assert fit == {f"xdp-{method}" for method in METHODS}
    assert fit == {one.name for one in CONTENDERS if one.title.endswith(", tx off")}
