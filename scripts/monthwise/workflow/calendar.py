"""Answer which months: windows, first and last run month, begin, newest, closed, skipped, scored."""

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

from ..base import months
from ..base.exits import WrongConfig, WrongUsage
from ..base.months import shift, span
from ..config.settings import Settings
from . import listing
from .listing import Listing


class Windows(NamedTuple):
    """The data months of a run month: the training window, oldest first, and the validation month."""

    training: list[str]
    validation: str


class Calendar:
    """The months of one dataset, from its settings, the months that have files, and the current month.

    A calendar is a snapshot: after months were published or located, make a new one (`Calendar.read`).
    """

    def __init__(self, settings: Settings, dataset: str, known: Listing, today: str):
        self.settings, self.dataset, self.known, self.today = settings, dataset, known, today
        self.config = settings.config
        self.skipped = settings.skipped(dataset)

    @classmethod
    def read(cls, settings: Settings, dataset: str) -> "Calendar":
        """Return the calendar as of now: list the results folder and the source, and read the clock."""
        return cls(settings, dataset, listing.read(settings, dataset), months.today())

    def changed(self, layer: Mapping[str, object]) -> "Calendar":
        """Return this calendar with `layer` on top of its settings; raises WrongConfig if the result is invalid."""
        return Calendar(self.settings.changed(layer), self.dataset, self.known, self.today)

    # Windows

    def training_months(self, month: str) -> list[str]:
        """Return the training window of a run month, oldest first: no skipped months, and none after M-2."""
        length = self.settings.at(self.dataset, month).window.length
        training: list[str] = []
        candidate = shift(month, -2)
        while len(training) < length:
            if candidate not in self.skipped:
                training.insert(0, candidate)
            candidate = shift(candidate, -1)
        return training

    def validation_month(self, month: str) -> str | None:
        """Return the validation month M-1, or None if it is skipped, so that no challenger is trained."""
        validation = shift(month, -1)
        return None if validation in self.skipped else validation

    def windows(self, month: str) -> Windows:
        """Return the windows of a run month; raises WrongUsage if its validation month is skipped."""
        validation = self.validation_month(month)
        if validation is None:
            raise WrongUsage(
                f"{self.dataset} {month} trains no model: its validation month {shift(month, -1)} is skipped"
                f" (skip in config/config.yaml); request another month, or take it out of skip"
            )
        return Windows(self.training_months(month), validation)

    def data_months(self, *run_months: str) -> list[str]:
        """Return the data months that run months read, in order: training windows, validation months, scored months.

        If its validation month is skipped, a run month trains nothing; it reads its window if it is scored (`drift`).
        """
        required: set[str] = set()
        for month in run_months:
            validation, is_scored = self.validation_month(month), self.is_scored(month)
            if validation or is_scored:
                required.update(self.training_months(month))
            required |= ({validation} if validation else set()) | ({month} if is_scored else set())
        return sorted(required)

    # Run months

    @cached_property
    def begin(self) -> str:
        """The first run month that has a champion."""
        if self.dataset in self.config.begin:
            return self.config.begin[self.dataset]
        if self.config.source == "https":
            raise WrongConfig(f"begin.{self.dataset} is missing in config/config.yaml: the first run month, YYYY-MM")
        oldest = self.config.demo.first if self.config.source == "demo" else self._published_in_folder[0]
        month = shift(oldest, 2)
        while self.training_months(month)[0] < oldest:
            month = shift(month, 1)
        return month

    @property
    def first(self) -> str:
        """The first run month of the default targets."""
        return self.begin if self.config.first == "begin" else self.config.first

    @property
    def last(self) -> str:
        """The last run month of the default targets: the one after the newest published month, unless it is given."""
        return shift(self.newest_published, 1) if self.config.last == "newest" else self.config.last

    @cached_property
    def run_months(self) -> list[str]:
        """The run months from `first` to `last`; raises WrongConfig if there are none."""
        if self.first > self.last:
            raise WrongConfig(
                f"{self.dataset}: first ({self.first}, from `{self.config.first}`) is after last ({self.last}, from"
                f" `{self.config.last}`): give --config first=YYYY-MM last=YYYY-MM, or another begin"
            )
        return span(self.first, self.last)

    @property
    def open_run_months(self) -> list[str]:
        """The run months that are not closed; empty if the data of the first one are not yet published."""
        try:
            run_months = self.run_months
        except WrongConfig:
            if self.config.source != "https" or self.config.first != "begin":
                raise
            return []
        return [month for month in run_months if not self.is_closed_run(month)]

    # Published months

    @cached_property
    def newest_published(self) -> str:
        """The newest published data month, as far as it is known without a request to the publisher."""
        if self.config.source == "demo":
            return self.config.demo.last
        if self.config.source == "https":
            return max([*self.known.located, shift(self.today, -self.config.publisher.lag)])
        return max([*self.known.located, *self.known.in_folder] or self._published_in_folder)

    @property
    def newest_possible(self) -> str:
        """The newest data month that can exist: with https the one before this month, else the newest one."""
        return shift(self.today, -1) if self.config.source == "https" else self.newest_published

    @property
    def _published_in_folder(self) -> list[str]:
        if not self.known.in_folder:
            pattern = self.settings.describe(self.dataset).file
            raise WrongConfig(f"{self.dataset}: there is no file like {pattern} in {self.config.source}")
        return list(self.known.in_folder)

    # Champions

    def champion_before(self, month: str) -> str | None:
        """Return the run month of the current champion when `month` is decided, or None for the first decided month.

        Raises WrongUsage for an earlier month, which may have a model but has no champion.
        """
        if month < self.begin:
            raise WrongUsage(
                f"{self.dataset} {month} has no champion: the first one serves in {self.begin} (begin in"
                f" config/config.yaml); request a later month, or let it begin earlier"
            )
        return shift(month, -1) if month > self.begin else None

    def is_scored(self, month: str) -> bool:
        """Return whether a run month has a champion, its data are published and it is not skipped."""
        return self.begin <= month <= self.newest_published and month not in self.skipped

    # Closed months

    def is_closed_run(self, month: str) -> bool:
        """Return whether a run month is before `history.closed_before`."""
        closed_before = self.config.history.closed_before
        return closed_before is not None and month < closed_before

    def is_closed_data(self, month: str) -> bool:
        """Return whether no open run month reads a data month."""
        return self._oldest_open_data is not None and month < self._oldest_open_data

    @cached_property
    def _oldest_open_data(self) -> str | None:
        closed_before = self.config.history.closed_before
        if closed_before is None:
            return None
        # From a later month on, the window may be longer.
        later = [change.start for change in self.config.changes if change.start > closed_before]
        return min(self.training_months(month)[0] for month in (closed_before, *later))


class Calendars(dict[str, Calendar]):
    """The calendar of each dataset as of now, read when it is first needed."""

    def __init__(self, settings: Settings):
        super().__init__()
        self.settings = settings

    def of_call(self) -> list[Calendar]:
        """Return the calendars of the datasets in config."""
        return [self[dataset] for dataset in self.settings.datasets]

    def __missing__(self, dataset: str) -> Calendar:
        self[dataset] = Calendar.read(self.settings, dataset)
        return self[dataset]
