"""Retrieve over HTTP (PS3.18 10.4): instances, frames, bulkdata and metadata, with entity tags."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from app.api.request import admit, target_of, wanted
from app.api.responses import json_stream, not_modified, representation
from app.dicomweb import resources
from app.studies.answers import NotModified
from app.studies.bulkdata import retrieve_all_bulkdata, retrieve_bulkdata
from app.studies.frames import retrieve_frames
from app.studies.metadata import retrieve_metadata
from app.studies.retrieve import retrieve


async def get_frames(request: Request) -> Response:
    """`…/instances/{instance}/frames/{frames}`"""
    context = await admit(request)
    numbers = resources.parse_frames(request.path_params["frames"], limit=context.archive.limits.frames)
    try:
        answer = await retrieve_frames(context.archive, context.caller, target_of(request), numbers, wanted(request))
    except NotModified as outcome:
        return not_modified(outcome)
    return await representation(request, answer, context.base)


async def get_metadata(request: Request) -> Response:
    """`…/metadata` of a study, a series or an instance."""
    context = await admit(request)
    try:
        answer = await retrieve_metadata(context.archive, context.caller, target_of(request), wanted(request), base=context.base)
    except NotModified as outcome:
        return not_modified(outcome)
    return await json_stream(request, answer.body, {"ETag": answer.etag})


async def get_instances(request: Request) -> Response:
    """A study, a series or an instance as Part 10 files."""
    context = await admit(request)
    try:
        answer = await retrieve(context.archive, context.caller, target_of(request), wanted(request))
    except NotModified as outcome:
        return not_modified(outcome)
    return await representation(request, answer, context.base)


async def get_bulkdata(request: Request) -> Response:
    """`…/bulkdata/{path}`: one value, as the metadata names it."""
    context = await admit(request)
    path = resources.parse_bulkdata_path(request.path_params["path"])
    try:
        answer = await retrieve_bulkdata(context.archive, context.caller, target_of(request), path, wanted(request))
    except NotModified as outcome:
        return not_modified(outcome)
    return await representation(request, answer, context.base)


async def get_all_bulkdata(request: Request) -> Response:
    """`…/instances/{instance}/bulkdata`: every value that is kept out of the metadata."""
    context = await admit(request)
    try:
        answer = await retrieve_all_bulkdata(context.archive, context.caller, target_of(request), wanted(request))
    except NotModified as outcome:
        return not_modified(outcome)
    return await representation(request, answer, context.base)
