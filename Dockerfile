# Radiolucent in a container. The first stage installs from the lock file with hashes, the second holds what runs and nothing else.
#
#   docker build -t radiolucent .
#   docker run -p 127.0.0.1:8080:8080 -v radiolucent:/data radiolucent serve --host 0.0.0.0 --data /data --insecure
#
# Nothing is written outside of /data and /tmp, and no right is needed beyond those of an ordinary user:
#
#   docker run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges -p 127.0.0.1:8080:8080 -v radiolucent:/data \
#       radiolucent serve --host 0.0.0.0 --data /data --insecure
#
# Without --insecure the container refuses to start, since it listens on an address that others can reach: it wants authentication and TLS
# (docs/how-to/access.md). Add --insecure where the published port is reachable from this machine only, as above, or behind a proxy.
#
# Pinned by tag. In your own registry pin by digest as well: FROM python:3.12-slim-bookworm@sha256:...

FROM node:20-bookworm-slim AS ohif
WORKDIR /ohif
RUN npm pack @ohif/app@3.13.2 --silent

FROM python:3.12-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/radiolucent
WORKDIR /src
COPY requirements.lock ./
RUN /opt/radiolucent/bin/pip install --require-hashes --only-binary :all: -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY app ./app
RUN /opt/radiolucent/bin/pip install --no-deps --no-build-isolation .
# The viewer at /ohif; the script compares the package's digest with the pinned one.
COPY viewer ./viewer
COPY --from=ohif /ohif/ohif-app-3.13.2.tgz ./
RUN python viewer/build.py --tarball ohif-app-3.13.2.tgz \
    && /opt/radiolucent/bin/pip install --no-deps --no-build-isolation ./viewer

FROM python:3.12-slim-bookworm
LABEL org.opencontainers.image.title="Radiolucent" \
      org.opencontainers.image.description="A DICOMweb server" \
      org.opencontainers.image.licenses="MIT"
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin radiolucent \
    && install --directory --owner=radiolucent --group=radiolucent --mode=0700 /data
COPY --from=build /opt/radiolucent /opt/radiolucent
ENV PATH=/opt/radiolucent/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER radiolucent
WORKDIR /data
VOLUME /data
EXPOSE 8080
# Asks for 127.0.0.1: keep that name in `http.allowed_hosts` if you set it. A 200 means that the process answers, not that backends do.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health/live', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["radiolucent"]
CMD ["serve", "--host", "0.0.0.0", "--data", "/data"]
