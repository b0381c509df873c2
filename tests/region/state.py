# SPDX-License-Identifier: MIT
"""The region's state: its clock, groups, instances, what it was asked, what it spoils."""
import asyncio
import time
from typing import Any, Dict, List, Optional

from .calls import Calls
from .credentials import Credentials, USER
from .faults import Fault, Faults
from .http import Reply
from .imds import Imds
from .instance import BadLaunch, Instance
from .lifecycle import Group
from .secretsmanager import Secret
from .ssm import Parameter


class State:
    def __init__(self, name: str):
        self.name = name
        self.loop = asyncio.get_running_loop()
        self.clock_offset_s = 0.0      # AWS's clock minus this machine's (fact A1)
        self.calls = Calls()
        self.faults = Faults()
        self.groups: Dict[str, Group] = {}
        self.instances: Dict[str, Instance] = {}
        self.sites: Dict[str, Imds] = {}
        self.parameters: Dict[str, Parameter] = {}
        self.secrets: Dict[str, Secret] = {}

    def now(self) -> float:
        """The region's wall clock, in seconds since 1970."""
        return time.time() + self.clock_offset_s

    def group(self, name: str) -> Group:
        return self.groups.setdefault(name, Group(name))

    def launch(self, given: Dict[str, Any]) -> Instance:
        instance = Instance(self, given)
        if instance.id in self.instances:
            raise BadLaunch(f"instance {instance.id} exists")
        site = Imds(self, instance)
        instance.launch(site)
        self.instances[instance.id] = instance
        self.sites[instance.id] = site
        return instance

    def remove(self, instance_id: str) -> None:
        self.instances.pop(instance_id).remove()
        del self.sites[instance_id]

    def credentials_of(self, access_key: str) -> List[Credentials]:
        """Every credential with this access key id: roles share one, tokens differ."""
        issued = [USER]
        for instance in self.instances.values():
            if instance.credentials is not None:
                issued += instance.credentials.issued or [instance.credentials.current(self.now())]
        return [given for given in issued if given.access_key == access_key]

    @staticmethod
    def finish(call: Dict, fault: Optional[Fault], honest: Optional[Reply]) -> Reply:
        """The reply that goes out, spoiled if a fault met the request; noted in the call."""
        reply = honest
        if fault is not None:
            reply = fault.spoil(honest)
            call["fault"] = fault.name
            call["applied"] = fault.applies
        call["status"] = reply.status or None
        return reply

    def close(self) -> None:
        for instance in self.instances.values():
            instance.remove()
