"""`tracking`: the MLflow store."""

from typing import Annotated

from pydantic import Field, field_validator

from ...base import redact
from ..section import Section, Text, Words


class Tracking(Section):
    """The MLflow store. The variable MLFLOW_TRACKING_URI overrides `uri`."""

    name: Annotated[
        str,
        Field(pattern="^[A-Za-z0-9][A-Za-z0-9_-]*$"),
        Words("letters, digits, - and _, first a letter or digit"),
    ] = Field(
        default="monthwise",
        description="Experiments and registered models are called NAME-DATASET; installations that share a store need a"
        " name each.",
        examples=["monthwise-2"],
    )
    uri: Text = Field(
        default="sqlite:///mlflow.db",
        description="The store. A user or password belongs in MLFLOW_TRACKING_URI.",
        examples=["http://mlflow.example.org:5000"],
    )
    url: str | None = Field(
        default=None,
        description="The address of MLflow's pages, for links in the report.",
        examples=["http://localhost:5000"],
    )
    artifacts: (
        Annotated[str, Field(pattern="^[a-z0-9+]+://.+$"), Words("a URL without a password, such as s3://BUCKET/PATH")]
        | None
    ) = Field(
        default=None,
        description="Where models are stored, if not beside the store.",
        examples=["s3://bucket/monthwise"],
    )

    @field_validator("uri")
    @classmethod
    def _uri_has_no_secret(cls, uri: str) -> str:
        instead = "set the environment's MLFLOW_TRACKING_URI instead"
        if "@" in uri.split("://", 1)[-1].split("/", 1)[0]:
            raise ValueError(f"it holds a user or password: {instead}")
        if redact.SECRET_OPTION.search(uri.partition("?")[2]):
            raise ValueError(f"it holds a password: {instead}")
        return uri

    @field_validator("artifacts")
    @classmethod
    def _artifacts_have_no_secret(cls, artifacts: str | None) -> str | None:
        if artifacts and "@" in artifacts:
            raise ValueError("it holds a user or password: set those of the environment instead")
        return artifacts
