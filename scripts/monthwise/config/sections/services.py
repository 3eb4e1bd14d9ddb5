"""`catalog`: what the files of each service look like (config/services.yaml)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ..section import Section, Spellings, Words
from .quality import Limits


class Columns(Section):
    """The columns of a service by role: `role: [how the publisher has spelt it over the years]`."""

    pickup_time: Spellings = Field(description="When a trip begins.", examples=[["lpep_pickup_datetime"]])
    dropoff_time: Spellings = Field(description="When it ends.", examples=[["lpep_dropoff_datetime"]])
    pickup_zone: Spellings | None = Field(default=None, description="Where it begins.", examples=[["PULocationID"]])
    dropoff_zone: Spellings | None = Field(default=None, description="Where it ends.", examples=[["DOLocationID"]])
    distance: Spellings | None = Field(
        default=None, description="Its length (`distance_unit`).", examples=[["trip_distance"]]
    )
    vendor: Spellings | None = Field(default=None, description="Who drove.", examples=[["VendorID"]])
    passengers: Spellings | None = Field(default=None, description="How many rode.", examples=[["passenger_count"]])
    trip_type: Spellings | None = Field(default=None, description="How it was hailed.", examples=[["trip_type"]])
    rate_code: Spellings | None = Field(default=None, description="Its tariff.", examples=[["RatecodeID"]])

    def spellings(self) -> dict[str, list[str]]:
        """Return the spellings of the columns that the service has, by role."""
        return self.model_dump(mode="json", exclude_none=True)


class Service(Section):
    """What the files of a service look like; one entry is all that a new service needs."""

    file: Annotated[str, Field(pattern=r"\{month\}"), Words("a file name with {month} in it")] = Field(
        description="The name of a month's file.", examples=["green_tripdata_{month}.parquet"]
    )
    url: Annotated[str, Field(pattern="^https?://"), Words("a URL (http:// or https://)")] | None = Field(
        default=None,
        description="The folder of the files, for `source: https`.",
        examples=["https://d37ci6vzurychx.cloudfront.net/trip-data"],
    )
    layout: Literal["green", "yellow", "fhv", "fhvhv"] | None = Field(
        default=None, description="Whose columns `source: demo` imitates.", examples=["fhv"]
    )
    duration: Limits = Field(
        description="Minutes, both ends in; other trips are dropped.", examples=[{"min": 1, "max": 60}]
    )
    distance_unit: Literal["mi", "km", "m"] | None = Field(
        default=None, description="The unit of the column `distance`.", examples=["km"]
    )
    zones: str | None = Field(
        default=None,
        description="A CSV file with id, name, borough; where all ids are numbers, `0132` in a month is 132.",
        examples=["config/zones/new-york.csv"],
    )
    outlines: str | None = Field(
        default=None,
        description="A GeoJSON file for the map of the report.",
        examples=["config/zones/new-york.geojson"],
    )
    columns: Columns = Field(description="The columns by role.")

    @model_validator(mode="after")
    def _has_unit(self) -> Self:
        if self.columns.distance and self.distance_unit is None:
            raise ValueError("columns name a distance, but distance_unit is missing: mi, km or m")
        return self


ServiceName = Annotated[str, Field(pattern="^[A-Za-z0-9_-]+$"), Words("a name of letters, digits, - and _")]
Catalog = Annotated[dict[ServiceName, Service], Words("a mapping of services to descriptions")]
