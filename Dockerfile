# The server as an image: speaks MCP over stdio by default.
#
#   docker build -t runloop-mcp .
#   docker run -i --rm -v runloop-state:/state --cap-drop ALL --security-opt no-new-privileges \
#     --security-opt seccomp=docker/seccomp.json --security-opt apparmor=unconfined \
#     --security-opt systempaths=unconfined runloop-mcp
#
# A container forbids nested namespaces by default, so without these options it starts no devbox; docs/isolation.md tells
# what each of them does.
#
# Where no registry or package index is reachable, bring both: an imported base with python3, venv, git, gcc and make, and
# a folder of wheels inside this one, such as this makes:
#
#   pip wheel --wheel-dir build/wheels --constraint constraints.txt '.[scorers,metrics,otel,oauth,plots]' hatchling
#
#   docker build --build-arg BASE=my-base --build-arg WHEELS=build/wheels -t runloop-mcp .
#
# Debian's own Python, not python:*-slim: devboxes run the system's /usr/bin/python3, which those images have not got.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS system
# The programs that devboxes get from the system they run on.
RUN if ! { /usr/bin/python3 -c 'import venv, ensurepip' && git --version && gcc --version && make --version \
        && sqlite3 --version && ls /usr/lib/*/libseccomp.so.2; } >/dev/null 2>&1; then \
      apt-get update \
      && apt-get install -y --no-install-recommends \
           python3 python3-venv git gcc libc6-dev make sqlite3 libseccomp2 procps ca-certificates \
      && rm -rf /var/lib/apt/lists/*; \
    fi

FROM system AS build
ARG WHEELS=
WORKDIR /build
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY runloop_mcp runloop_mcp
COPY pyproject.toml ${WHEELS:-pyproject.toml} wheels/
RUN python3 -m venv /opt/runloop-mcp \
    && if [ -n "${WHEELS}" ]; then offline="--no-index --find-links wheels"; else offline=""; fi \
    && PIP_CONSTRAINT=constraints.txt /opt/runloop-mcp/bin/pip install --no-cache-dir --disable-pip-version-check $offline '.[scorers,metrics,otel,oauth,plots]' \
    && find /opt/runloop-mcp -name __pycache__ -prune -exec rm -rf {} + \
    && /opt/runloop-mcp/bin/python -m compileall -q /opt/runloop-mcp/lib

FROM system
RUN useradd --create-home --uid 10001 runloop \
    && mkdir -p /state && chown runloop:runloop /state
COPY --from=build /opt/runloop-mcp /opt/runloop-mcp
# For whoever starts containers: what Docker has to allow so that devboxes can be made (docs/isolation.md).
COPY docker/seccomp.json /usr/local/share/runloop-mcp/
ENV PATH=/opt/runloop-mcp/bin:$PATH \
    RUNLOOP_MCP_STATE_DIR=/state
USER runloop
WORKDIR /home/runloop
VOLUME /state
ENTRYPOINT ["runloop-mcp"]
CMD ["serve"]
