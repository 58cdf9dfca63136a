# SPDX-License-Identifier: Apache-2.0
"""One director from start to stop: put the rooms together, keep them going, take them apart in reverse.

Each step of the start leaves its undoing on a stack, so that a start which fails half-way and a clean stop go
the same way back. The guard stands before a VIP is bound and until it is released: the local stack never
answers for a service.

Where tables outlive the process, what one before left stays in force until our first image is. Until then,
and when told to leave forwarding on, nothing is undone but what is ours alone.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Any

import structlog
from netaddr import IPAddress
from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError

from director import defence
from director.config.errors import ConfigError
from director.control.server import ControlServer
from director.daemon.carrier import Datapath
from director.daemon.cleanup import CleanUp, clean_up, refuse_while_running, remove_unfinished
from director.daemon.clients import Clients
from director.daemon.conductor import Conductor
from director.daemon.identity import hold_identity
from director.daemon.inheritance import Inheritance, look
from director.daemon.interfaces import Interfaces
from director.daemon.journal import Borrowed, Journal, journal_path, own_namespace
from director.daemon.keeping import Keeper
from director.daemon.logs import stamp
from director.daemon.notify import Notifier
from director.daemon.numbers import Numbers
from director.daemon.options import Options
from director.daemon.orders import Orders, Shells
from director.daemon.port import Port
from director.daemon.scouting import PATIENCE, TAKE_OVER_PATIENCE, Scout
from director.daemon.syncing import Syncing
from director.datapath.attachment import FILTER_NAME, Attachments, Classifier, Legacy
from director.datapath.errors import DatapathError
from director.datapath.guard import Guard
from director.datapath.memory import sets_for
from director.datapath.pinned import Pinned
from director.engine import Engine
from director.events import ConnectionsCounted, Event
from director.host.addresses import Addresses
from director.host.free_memory import available_pages
from director.host.neighbours import Neighbours
from director.host.watcher import Watcher
from director.model import Configuration, Destination, ServiceKey, Settings
from director.stats import TICK_SECONDS

log = structlog.get_logger()

CENSUS_SECONDS = 10.0
REFRESH_SECONDS = 10.0
WATCH_SECONDS = 1.0
BEATS_PER_WATCHDOG = 3


Holders = Callable[[int], tuple[ServiceKey, Destination] | None]
MakeDatapath = Callable[[Settings, Holders, Pinned], Datapath]


class Running:
    """A director at work. `make_datapath` builds a data path, which asks whose a destination id is."""

    def __init__(self, options: Options, make_datapath: MakeDatapath) -> None:
        self._options = options
        self._make_datapath = make_datapath
        self._notifier = Notifier.from_environment(os.environ, os.getpid())
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._ending = asyncio.Event()
        self._reload = asyncio.Event()
        self._broken: BaseException | None = None
        self._leaving = False
        self._told_to_leave = False
        self._drops = 0

    async def run(self) -> None:
        """Start, forward until told to stop, and leave nothing behind; raise what kept it from starting."""
        async with AsyncExitStack() as stack:
            self._on_signals(stack)
            refuse_while_running(self._options.socket)
            stack.enter_context(await hold_identity(self._options.socket))
            keeper = await self._start(stack)
            await self._ending.wait()
            self._leaving = keeper.keeps and (self._told_to_leave or self._broken is not None)
            self._notifier.stopping()
            log.info("director stopping", forwarding="goes on" if self._leaving else "ends")
        if self._broken is not None:
            raise self._broken
        log.info("director stopped")

    async def _start(self, stack: AsyncExitStack) -> Keeper:
        inheritance = look(self._options.socket)
        self._leaving = inheritance.is_forwarding
        configuration = await asyncio.to_thread(self._options.configuration, inheritance.configuration)
        if self._options.config is None and configuration.services:
            log.info("no file, so what was in force goes on", services=len(configuration.services))
        port = await self._build(stack, configuration.settings, inheritance)
        await port.apply(configuration)
        server = ControlServer(port, self._options.socket)
        stack.push_async_callback(server.stop)
        await server.start()
        self._leaving = False
        await self._background(stack, self._reload_when_told(port))
        log.info("director ready", socket=str(self._options.socket), services=len(configuration.services))
        self._notifier.ready(_status(configuration))
        return port.keeper

    async def _build(self, stack: AsyncExitStack, settings: Settings, inheritance: Inheritance) -> Port:
        """Start the shells from the bottom up."""
        journal = Journal(journal_path(self._options.socket))
        self._undo(stack, journal.close, journal.leave)
        guard = Guard.load()
        stack.callback(guard.close)
        engine = Engine()
        keeper = Keeper(engine)
        self._undo(stack, keeper.end)
        datapath = self._make_datapath(settings, engine.destination_of, inheritance.pinned)
        self._undo(stack, datapath.stop, datapath.leave)
        legacy = await self._take_over(settings, inheritance, datapath, engine, keeper)
        journal.inherit(legacy)
        kernel = await stack.enter_async_context(AsyncIPRoute())
        watcher = Watcher(self._events.put_nowait, lambda found: _tell_local_addresses(guard, found))
        stack.push_async_callback(watcher.stop)
        await watcher.start()
        reading = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reading")
        stack.callback(reading.shutdown)  # nobody may read in a table that is given back
        attachments = Attachments(
            kernel,
            _classifier_of(datapath, guard),
            journal.record_qdiscs,
            journal.record_filters,
            Legacy(legacy.filters, legacy.qdiscs) if datapath.pinned is not None else None,
        )
        interfaces = Interfaces(settings.interfaces, watcher, attachments, datapath, guard.tap_descriptor)
        self._undo(stack, interfaces.let_all_go, attachments.leave)
        await interfaces.take_all()
        datapath.start()
        _warn_of_missing(interfaces)
        addresses = Addresses(kernel, lambda: interfaces.taken, journal.record_addresses, legacy.addresses)
        self._undo(stack, lambda: addresses.hold(frozenset()))
        if not settings.bind_vips:
            await addresses.hold(frozenset())
        shells = Shells(kernel, watcher, Neighbours(kernel), addresses, guard, datapath, attachments, keeper)
        return await self._conduct(stack, settings, engine, shells, interfaces, datapath, reading)

    async def _take_over(
        self,
        settings: Settings,
        inheritance: Inheritance,
        datapath: Datapath,
        engine: Engine,
        keeper: Keeper,
    ) -> Borrowed:
        """Begin where one before ended if this data path can, else clean up after it; return what is left."""
        pinned, recorded = datapath.pinned, inheritance.recorded
        if pinned is None:
            _tell(await clean_up(self._options.socket))
            if recorded is not None:
                log.warning("connections given up", why="the data path `packet` can not take tables over")
            log.info("connections will not outlive this process", why=keeper.why_not)
            return Borrowed(own_namespace(), os.getpid())
        _tell(inheritance.said + CleanUp(remove_unfinished(self._options.socket)))
        if pinned.lost is not None:
            log.warning("connections given up", why=pinned.lost)
        if recorded is not None and pinned.taken_over:
            engine.inherit(recorded.configuration, recorded.services)
            if datapath.sizes.sets != sets_for(settings.connections):
                log.warning(
                    "the table keeps its size", why="it is taken over", then="it changes after a stop"
                )
            log.info("tables taken over", services=len(recorded.services), since=stamp(recorded.header.since))
        keeper.begin(self._options.socket, pinned, datapath.sizes, recorded if pinned.taken_over else None)
        return inheritance.borrowed

    def _undo(
        self, stack: AsyncExitStack, undo: Callable[[], object], leave: Callable[[], object] | None = None
    ) -> None:
        """Undo this at the end; or do what is needed to leave it as it is."""

        async def end() -> None:
            done = (leave() if leave else None) if self._leaving else undo()
            if isinstance(done, Awaitable):
                await done

        stack.push_async_callback(end)

    async def _conduct(
        self,
        stack: AsyncExitStack,
        settings: Settings,
        engine: Engine,
        shells: Shells,
        interfaces: Interfaces,
        datapath: Datapath,
        reading: Executor,
    ) -> Port:
        """Put the engine over the shells and start what goes on by itself."""
        orders = Orders(shells, self._events.put_nowait)
        stack.push_async_callback(orders.stop)
        scout = self._scout(shells)
        conductor = Conductor(engine, orders, interfaces, shells.addresses, scout, self._events)
        numbers = Numbers(engine, datapath)
        await self._background(stack, conductor.attend())
        await self._background(stack, orders.ask())
        for going_on in self._by_the_clock(engine, shells, datapath, numbers, reading):
            await self._background(stack, going_on)
        return Port(
            settings=settings,
            engine=engine,
            conductor=conductor,
            datapath=datapath,
            interfaces=interfaces,
            addresses=shells.addresses,
            watcher=shells.watcher,
            numbers=numbers,
            reading=reading,
            keeper=shells.keeper,
            syncing=await self._synchronise(stack, engine, shells, datapath),
            end=self._ending.set,
            leave=self._leave,
        )

    def _by_the_clock(
        self, engine: Engine, shells: Shells, datapath: Datapath, numbers: Numbers, reading: Executor
    ) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return what is done again and again."""
        return (
            every(TICK_SECONDS, lambda: _beside(reading, numbers.tick)),
            every(defence.TICK_SECONDS, lambda: _beside(reading, lambda: _defend(engine, datapath))),
            every(CENSUS_SECONDS, lambda: self._count(datapath, reading)),
            every(REFRESH_SECONDS, lambda: _refresh(engine, shells.neighbours)),
            self._beat(),
        )

    def _scout(self, shells: Shells) -> Scout:
        patience = TAKE_OVER_PATIENCE if self._leaving else PATIENCE
        return Scout(shells.kernel, shells.watcher, shells.neighbours, patience)

    async def _synchronise(
        self, stack: AsyncExitStack, engine: Engine, shells: Shells, datapath: Datapath
    ) -> Syncing:
        """Make what synchronises connections; whether it has to, the configuration says."""
        table, watcher = datapath.synchronising(), shells.watcher
        clients = Clients(shells.kernel, lambda: watcher.links, shells.neighbours, table.lead)
        syncing = Syncing(table, engine, lambda: watcher.links, clients)
        stack.push_async_callback(syncing.stop)
        for going_on in (
            clients.find(),
            every(REFRESH_SECONDS, clients.forget),
            syncing.tell(),
            every(WATCH_SECONDS, syncing.watch),
        ):
            await self._background(stack, going_on)
        return syncing

    async def _background(self, stack: AsyncExitStack, going_on: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(going_on)
        task.add_done_callback(self._ended)
        stack.push_async_callback(_cancel, task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """End the director when one of its tasks dies of a bug: half of it must not live on unseen."""
        if not task.cancelled() and task.exception() is not None:
            self._broken = task.exception()
            self._ending.set()

    def _on_signals(self, stack: AsyncExitStack) -> None:
        loop = asyncio.get_running_loop()
        for number, what in (
            (signal.SIGTERM, self._ending),
            (signal.SIGINT, self._ending),
            (signal.SIGHUP, self._reload),
        ):
            loop.add_signal_handler(number, what.set)
            stack.callback(loop.remove_signal_handler, number)
        loop.add_signal_handler(signal.SIGUSR1, self._leave)
        stack.callback(loop.remove_signal_handler, signal.SIGUSR1)

    def _leave(self) -> None:
        """End, and leave forwarding on if another process can take it over."""
        self._told_to_leave = True
        self._ending.set()

    async def _reload_when_told(self, port: Port) -> None:
        while True:
            await self._reload.wait()
            self._reload.clear()
            self._notifier.reloading()
            await self._reload_once(port)
            self._notifier.ready(_status(await port.configuration()))

    async def _reload_once(self, port: Port) -> None:
        """Apply the file anew; a faulty one is refused whole, and what was in force goes on."""
        if self._options.config is None:
            log.warning("nothing to reload", why="the director was started without --config")
            return
        try:
            changes = await port.apply(await asyncio.to_thread(self._options.configuration))
        except ConfigError as error:
            for fault in error.faults:
                log.error("configuration refused", file=error.file, fault=str(fault))
        except OSError as error:
            log.error("configuration not applied", why=str(error))
        else:
            log.info("configuration reloaded", changes=len(changes))

    async def _count(self, datapath: Datapath, reading: Executor) -> None:
        """Take a census, and say when frames were lost since the last one."""
        seen = await asyncio.get_running_loop().run_in_executor(reading, datapath.census)
        self._events.put_nowait(ConnectionsCounted(seen))
        drops = datapath.ring_drops()
        if drops > self._drops:
            log.warning(
                "frames lost", why="a worker was too busy to empty its ring", count=drops - self._drops
            )
        self._drops = drops

    async def _beat(self) -> None:
        """Tell the service manager's watchdog that the loop turns."""
        if self._notifier.watchdog is None:
            return
        while True:
            self._notifier.alive()
            await asyncio.sleep(self._notifier.watchdog / BEATS_PER_WATCHDOG)


async def every(seconds: float, act: Callable[[], Awaitable[None]]) -> None:
    """Do this every so many seconds, until cancelled; what the machine refuses is logged and tried again."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await act()
        except (OSError, NetlinkError) as error:
            log.warning("periodic work failed", why=str(error))


async def _beside(executor: Executor, act: Callable[[], None]) -> None:
    """Do this beside the loop, and wait until it is done."""
    await asyncio.get_running_loop().run_in_executor(executor, act)


def _defend(engine: Engine, datapath: Datapath) -> None:
    datapath.defend(defence.defence(engine.configuration.tunables, available_pages()))


async def _refresh(engine: Engine, neighbours: Neighbours) -> None:
    needed = frozenset((one.interface, one.address) for one in engine.needed_neighbours)
    await neighbours.refresh(needed)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _classifier_of(datapath: Datapath, guard: Guard) -> Callable[[int], Classifier]:
    """Let the data path's own program stand on an interface, and where it has none, the guard."""
    guarding = Classifier(FILTER_NAME, guard.guard_descriptor)
    return lambda index: datapath.classifier(index) or guarding


def _tell(found: CleanUp) -> None:
    for sentence in found.undone:
        log.warning("cleaned up after a killed director", what=sentence)
    for sentence in found.left:
        log.warning("left alone at the start", what=sentence)


def _tell_local_addresses(guard: Guard, addresses: frozenset[IPAddress]) -> None:
    try:
        guard.set_local_addresses(addresses)
    except DatapathError as error:
        log.error("the guard does not know all local addresses", why=str(error))


def _warn_of_missing(interfaces: Interfaces) -> None:
    for name in interfaces.missing:
        if interfaces.is_no_ethernet(name):
            log.warning("interface not taken", interface=name, why="it is no Ethernet interface")
            continue
        log.warning("interface not there or down", interface=name, then="it is taken when it comes up")
    if not interfaces.taken and not interfaces.missing:
        log.warning("no Ethernet interface is up", then="the first that comes up is taken")


def _status(configuration: Configuration) -> str:
    return f"{len(configuration.services)} services"
