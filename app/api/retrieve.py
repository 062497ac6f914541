"""Retrieve over HTTP (PS3.18 10.4): instances, frames, bulkdata and metadata, with entity tags."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from app.api import zipped
from app.api.request import admit, target_of, wanted
from app.api.responses import answered, metadata_body, not_modified, zip_stream
from app.dicomweb import resources
from app.studies.all_bulkdata import retrieve_all_bulkdata
from app.studies.answers import NotModified
from app.studies.bulkdata import retrieve_bulkdata
from app.studies.frames import retrieve_frames
from app.studies.metadata import retrieve_metadata
from app.studies.retrieve import retrieve
from app.studies.zipped_metadata import ZippedMetadata


async def get_frames(request: Request) -> Response:
    """`…/instances/{instance}/frames/{frames}`"""
    context = await admit(request)
    numbers = resources.parse_frames(request.path_params["frames"], limit=context.archive.limits.frames)
    transaction = retrieve_frames(context.archive, context.caller, target_of(request), numbers, wanted(request))
    return await answered(request, transaction, context.base)


async def get_metadata(request: Request) -> Response:
    """`…/metadata` of a study, a series or an instance."""
    context = await admit(request)
    try:
        answer = await retrieve_metadata(context.archive, context.caller, target_of(request), wanted(request), base=context.base)
    except NotModified as outcome:
        return not_modified(outcome)
    if isinstance(answer, ZippedMetadata):
        return await zip_stream(request, zipped.texts(answer.files), answer.etag, answer.modified)
    return await metadata_body(request, answer, request.app.state.service.recent)


async def get_instances(request: Request) -> Response:
    """A study, a series or an instance as Part 10 files."""
    context = await admit(request)
    transaction = retrieve(context.archive, context.caller, target_of(request), wanted(request))
    return await answered(request, transaction, context.base)


async def get_bulkdata(request: Request) -> Response:
    """`…/bulkdata/{path}`: one value, as the metadata names it."""
    context = await admit(request)
    path = resources.parse_bulkdata_path(request.path_params["path"])
    transaction = retrieve_bulkdata(context.archive, context.caller, target_of(request), path, wanted(request))
    return await answered(request, transaction, context.base)


async def get_all_bulkdata(request: Request) -> Response:
    """`…/bulkdata` of a study, a series or an instance: every value that is kept out of the metadata."""
    return await _all_bulkdata(request, pixels=False)


async def get_pixel_data(request: Request) -> Response:
    """`…/pixeldata` of a study, a series or an instance."""
    return await _all_bulkdata(request, pixels=True)


async def _all_bulkdata(request: Request, *, pixels: bool) -> Response:
    context = await admit(request)
    transaction = retrieve_all_bulkdata(context.archive, context.caller, target_of(request), wanted(request), pixels=pixels)
    return await answered(request, transaction, context.base)
