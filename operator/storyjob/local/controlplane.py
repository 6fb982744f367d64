"""A real Kubernetes control plane on ports of one address: etcd, kube-apiserver and kube-controller-manager."""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from storyjob.local.binaries import Binaries
from storyjob.local.kubeconfig import write_kubeconfig
from storyjob.local.pki import create_pki, write_private
from storyjob.local.port import LOOPBACK, free_ports
from storyjob.local.probe import answers_ok
from storyjob.local.process import Command, Process, Program

SERVICE_NETWORK = "10.0.0.0/24"
SERVICE_ADDRESS = "10.0.0.1"
# Its heap is small here, and would be collected every few writes, for a fifth of its processor time.
_APISERVER_MEMORY = {"GOGC": "400", "GOMEMLIMIT": "1GiB"}
_STOP_GRACE = 3.0  # seconds; kube-apiserver would wait up to a minute for open watches


@dataclass(frozen=True, slots=True)
class Options:
    """What may differ between one local control plane and another."""

    fsync: bool = False
    """Whether etcd waits for the disk on every write. A local world that dies is thrown away, so not."""
    apiserver_flags: tuple[str, ...] = ()
    """Further flags of kube-apiserver; a repeated flag wins over ours."""
    controller_manager_flags: tuple[str, ...] = ()
    detached: bool = False
    """Whether the processes may outlive us."""
    host: str = LOOPBACK
    """The address that all parts listen on."""


class ControlPlane:
    """etcd, kube-apiserver and kube-controller-manager, with all their data in one folder.

    Each part is a ``Process``: tests may stop, kill and restart it alone. Data, ports and keys stay the same.
    """

    def __init__(self, binaries: Binaries, folder: Path, options: Options | None = None) -> None:
        self.folder = folder
        self.kubeconfig = folder / "kubeconfig"
        self._binaries = binaries
        self._options = options or Options()
        self._folder_for("logs")
        client, peer, port = free_ports(3)
        host = self._options.host
        self._etcd_url, self._peer_url = f"http://{host}:{client}", f"http://{host}:{peer}"
        self._port = port
        self.url = f"https://{host}:{port}"
        self.token = secrets.token_urlsafe(32)
        self._write_files()
        self.tls = ssl.create_default_context(cafile=str(self.authority))
        self.etcd = Process(self._etcd())
        self.apiserver = Process(self._apiserver())
        self.controller_manager = Process(self._controller_manager())

    @property
    def authority(self) -> Path:
        """The certificate of the authority that the API server's own certificate comes from."""
        return self._pki.authority

    @property
    def processes(self) -> tuple[Process, ...]:
        """All parts, in the order in which they start."""
        return (self.etcd, self.apiserver, self.controller_manager)

    async def start(self) -> None:
        """Start all parts and wait until they are ready. Raises ``LocalWorldError`` naming the one to blame."""
        try:
            for process in self.processes:
                await process.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop all parts. The folder stays."""
        # The other way round, and no longer than each needs: nobody wants the data afterwards.
        for process in reversed(self.processes):
            await process.stop(_STOP_GRACE)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(self.stop())

    def _folder_for(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path

    def _write_files(self) -> None:
        keys = self._folder_for("keys")
        self._pki = create_pki(keys, SERVICE_ADDRESS, self._options.host)
        self._tokens = keys / "tokens.csv"
        write_private(self._tokens, f'{self.token},admin,admin,"system:masters"\n'.encode())
        write_kubeconfig(self.kubeconfig, url=self.url, authority=self._pki.authority, token=self.token)

    def _program(
        self, name: str, command: Command, ready_url: str, environment: Mapping[str, str] | None = None
    ) -> Program:
        return Program(
            name=name,
            command=command,
            log=self.folder / "logs" / f"{name}.log",
            ready=answers_ok(ready_url, token=self.token, tls=self.tls),
            environment=environment or {},
            detached=self._options.detached,
        )

    def _etcd(self) -> Program:
        command: Command = (
            self._binaries.etcd,
            f"--data-dir={self._folder_for('etcd')}",
            f"--listen-client-urls={self._etcd_url}",
            f"--advertise-client-urls={self._etcd_url}",
            f"--listen-peer-urls={self._peer_url}",
            f"--initial-advertise-peer-urls={self._peer_url}",
            f"--initial-cluster=default={self._peer_url}",
            "--log-level=warn",
            *(() if self._options.fsync else ("--unsafe-no-fsync",)),
        )
        return self._program("etcd", command, f"{self._etcd_url}/health")

    def _apiserver(self) -> Program:
        command: Command = (
            self._binaries.apiserver,
            f"--etcd-servers={self._etcd_url}",
            f"--bind-address={self._options.host}",
            f"--advertise-address={self._options.host}",
            f"--secure-port={self._port}",
            f"--tls-cert-file={self._pki.certificate}",
            f"--tls-private-key-file={self._pki.key}",
            f"--service-account-key-file={self._pki.service_account_key}",
            f"--service-account-signing-key-file={self._pki.service_account_key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-cluster-ip-range={SERVICE_NETWORK}",
            f"--token-auth-file={self._tokens}",
            "--authorization-mode=RBAC",
            # No pods reach it through the Service, and a loopback address is not allowed in its endpoints.
            "--endpoint-reconciler-type=none",
            *self._options.apiserver_flags,
        )
        return self._program("kube-apiserver", command, f"{self.url}/readyz", _APISERVER_MEMORY)

    def _controller_manager(self) -> Program:
        command: Command = (
            self._binaries.controller_manager,
            f"--kubeconfig={self.kubeconfig}",
            f"--service-account-private-key-file={self._pki.service_account_key}",
            f"--root-ca-file={self._pki.authority}",
            "--leader-elect=false",
            "--secure-port=0",
            *self._options.controller_manager_flags,
        )
        # It has no port of its own here; that it made this account shows that its controllers work.
        made = f"{self.url}/api/v1/namespaces/default/serviceaccounts/default"
        return self._program("kube-controller-manager", command, made)
