# One image for everything that runs in a cluster: `storyjob operator`, `storyjob webhook`, `storyjob simulator`.
# Any Debian (or Ubuntu) with Python 3.11 or newer, its venv module and CA certificates can be the base.
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS build
ARG UV_VERSION=0.13.9
ENV UV_PROJECT_ENVIRONMENT=/opt/storyjob \
    UV_PYTHON_DOWNLOADS=never \
    UV_PYTHON=python3 \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1
RUN python3 -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir --disable-pip-version-check "uv==${UV_VERSION}"
WORKDIR /source
# What we depend on changes rarely and our code often: two layers, of which the first one is kept.
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN /opt/uv/bin/uv sync --frozen --no-default-groups --extra ffmpeg --extra speech --extra otel --no-install-project
COPY crds crds
COPY examples examples
COPY operator operator
COPY webhook webhook
RUN /opt/uv/bin/uv sync --frozen --no-default-groups --extra ffmpeg --extra speech --extra otel --no-editable
# The definitions of some 400 other services of AWS: 25 MB that nobody here reads. The credential chain needs sts and sso.
RUN find /opt/storyjob/lib/python3*/site-packages/botocore/data -mindepth 1 -maxdepth 1 -type d \
      ! -name s3 ! -name sts ! -name sso ! -name sso-oidc -exec rm -r {} + \
 # Of the Kubernetes client we take how a server is found and trusted; its classes for each API are another 77 MB.
 && rm -r /opt/storyjob/lib/python3*/site-packages/kubernetes/client/api \
      /opt/storyjob/lib/python3*/site-packages/kubernetes/aio/client/api \
 # The program inside the wheel is named after its version.
 && ln -s "$(/opt/storyjob/bin/python -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')" /opt/storyjob/bin/ffmpeg

FROM ${BASE}
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="StoryJob operator" \
      org.opencontainers.image.description="Turns a story written as YAML into a finished film, on Kubernetes." \
      org.opencontainers.image.licenses="Apache-2.0 AND GPL-3.0-or-later" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
# Captions may be in any script, and are without serifs: those of Chinese, Japanese and Korean alone have 53 MB.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends fontconfig fonts-noto-core fonts-noto-cjk \
 && rm /usr/share/fonts/opentype/noto/NotoSerifCJK-* \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/log/*.log /var/log/apt \
 && groupadd --gid 65532 storyjob \
 && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin storyjob
COPY --from=build /opt/storyjob /opt/storyjob
ENV PATH=/opt/storyjob/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    FFMPEG=/opt/storyjob/bin/ffmpeg
# By number, so that `runAsNonRoot` can be checked.
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["storyjob"]
CMD ["operator"]
