"""How the API server is found and trusted: kubeconfig or the pod's service account, by the official client."""

from __future__ import annotations

import asyncio
import copy
import os
from pathlib import Path

import aiohttp
from kubernetes.aio import client, config
from kubernetes.aio.config.kube_config import _cleanup_temp_files

from storyjob.cluster.errors import ClusterError

LIST_AND_WRITE_LIMIT = 64  # connections; more only queue at the API server, which then answers 429
LOAD_SECONDS = 10.0  # a kubeconfig may name a program that is to be asked for credentials


class Connection:
    """One pool of connections to one API server, with credentials that renew themselves."""

    def __init__(self, configuration: client.Configuration) -> None:
        self._configuration = configuration
        self._ssl = client.rest.RESTClientObject(configuration).ssl_context
        self._requests: aiohttp.ClientSession | None = None
        self._watches: aiohttp.ClientSession | None = None

    @classmethod
    async def load(cls, kubeconfig: Path | None = None) -> Connection:
        """Read the kubeconfig given, else KUBECONFIG where it is set, else the pod's service account, else the user's.

        Raises ``ClusterError`` when none of them names a cluster.
        """
        configuration = client.Configuration()
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                await cls._read(configuration, kubeconfig)
            return cls(configuration)
        except config.ConfigException as error:
            raise ClusterError(f"no cluster to talk to: {error}; set KUBECONFIG or run in a pod") from error
        except TimeoutError as error:
            raise ClusterError(f"the kubeconfig's credentials did not come within {LOAD_SECONDS:.0f} s") from error
        finally:
            # The client library writes keys into files and removes them only when a process ends in peace.
            _cleanup_temp_files()

    @staticmethod
    async def _read(configuration: client.Configuration, kubeconfig: Path | None) -> None:
        if kubeconfig is None and "KUBECONFIG" not in os.environ and "KUBERNETES_SERVICE_HOST" in os.environ:
            config.load_incluster_config(client_configuration=configuration)
            return
        # Named here since the client library looks at the environment only when it is imported.
        named = str(kubeconfig) if kubeconfig else os.environ.get("KUBECONFIG")
        await config.load_kube_config(named, client_configuration=configuration)
        _take_in_ca(configuration)

    def anonymous(self) -> Connection:
        """Return a connection of its own that proves nobody's identity, for calls with somebody else's token.

        The API server believes a client certificate before it looks at a token, so a caller's token sent over our
        own connections would act with our rights wherever the kubeconfig holds a certificate.
        """
        configuration = copy.deepcopy(self._configuration)
        configuration.cert_file = configuration.key_file = None
        configuration.api_key = {}
        configuration.refresh_api_key_hook = None
        return Connection(configuration)

    @property
    def server(self) -> str:
        return str(self._configuration.host).rstrip("/")

    def requests(self) -> aiohttp.ClientSession:
        """Return the pool for requests, made on first use inside the running loop."""
        if self._requests is None:
            connector = aiohttp.TCPConnector(limit=LIST_AND_WRITE_LIMIT, ssl=self._ssl)
            self._requests = aiohttp.ClientSession(connector=connector)
        return self._requests

    def watches(self) -> aiohttp.ClientSession:
        """Return the pool for watches: each keeps its connection, so in one pool they would starve the requests."""
        if self._watches is None:
            connector = aiohttp.TCPConnector(limit=0, ssl=self._ssl)
            # A watch line holds a whole object, far more than aiohttp's default line buffer.
            self._watches = aiohttp.ClientSession(connector=connector, read_bufsize=2**21)
        return self._watches

    async def authorization(self) -> dict[str, str]:
        """Return the header that proves who we are; the pod's token file is read again as it rotates."""
        settings = await self._configuration.auth_settings()
        token = settings.get("BearerToken")
        return {"Authorization": str(token["value"])} if token else {}

    async def close(self) -> None:
        for session in (self._requests, self._watches):
            if session is not None:
                await session.close()


def _take_in_ca(configuration: client.Configuration) -> None:
    """Keep the authority's certificate itself: its file may be one of those that are removed at once."""
    if configuration.ssl_ca_cert:
        configuration.ca_cert_data = Path(configuration.ssl_ca_cert).read_text()
        configuration.ssl_ca_cert = None
