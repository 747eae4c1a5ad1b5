"""Deployment files against the schemas of those who read them, and against each other: what they name is there, and waits are long enough.

Usage: validate.py WHEELS: a folder with the wheels kubernetes-validate and docker-compose, whose schemas are read as they lie there.
Needs jsonschema and PyYAML. Starts nothing.
"""

import json
import pathlib
import re
import sys
import zipfile

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).parents[2]
KUBERNETES = "v1.34.0"
DRAIN_SECONDS = 30  # The setting drainMs where nothing is said.
LONGEST_STEP_SECONDS = 15  # Of a job; what has not ended by then goes back at its next step.
faults: list[str] = []
checked = 0


def expect(fits: bool, fault: str) -> None:
    """Counts a check, and keeps what is wrong."""
    global checked
    checked += 1
    if not fits:
        faults.append(fault)


def wheel(folder: pathlib.Path, name: str) -> zipfile.ZipFile:
    """The one wheel of that name. Raises StopIteration without one."""
    return zipfile.ZipFile(next(folder.glob(f"{name}-*.whl")))


def against(schema: dict, document: object, where: str) -> None:
    """Each fault that a schema finds, with its place."""
    found = sorted(jsonschema.Draft202012Validator(schema).iter_errors(document), key=str)
    expect(not found, "; ".join(f"{where}: {'.'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in found))


def seconds(duration: str) -> int:
    """Of a duration as compose has it: 90s, 2m."""
    return sum(int(number) * {"s": 1, "m": 60, "h": 3600}[unit] for number, unit in re.findall(r"(\d+)([smh])", duration))


def settings() -> set[str]:
    """Variables that the program knows, from the table in docs/server.md, which a test compares with the schema."""
    names = re.findall(r"^\| `([\w.]+)` \|", (ROOT / "docs/server.md").read_text(), re.MULTILINE)
    return {"ANYMODAL_" + "_".join(re.sub(r"([A-Z])", r"_\1", word).upper() for word in name.split(".")) for name in names}


def check_variables(names: list[str], where: str) -> None:
    unknown = [name for name in names if name.startswith("ANYMODAL_") and name not in settings()]
    expect(not unknown, f"{where}: {unknown} are no settings")


def check_compose(path: pathlib.Path, schema: dict) -> None:
    where = str(path.relative_to(ROOT))
    text = path.read_text()
    file = yaml.safe_load(text)
    against(schema, file, where)
    services = file["services"]
    for name, service in services.items():
        place = f"{where}: {name}"
        needs = service.get("depends_on", {})
        for other in needs:
            expect(other in services, f"{place}: there is no service {other}")
            healthy = isinstance(needs, dict) and needs[other].get("condition") == "service_healthy"
            expect(not healthy or "healthcheck" in services.get(other, {}), f"{place}: {other} has no healthcheck to wait for")
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            known = (path.parent / source).exists() if source.startswith(".") else source in file.get("volumes", {})
            expect(known, f"{place}: there is no volume or file {source}")
        build = service.get("build")
        if build is not None:
            expect((path.parent / build["context"] / build["dockerfile"]).exists(), f"{place}: there is no {build['dockerfile']}")
        if service.get("image") == "anymodal":
            environment = service.get("environment", {})
            check_variables(list(environment), place)
            drain = int(environment.get("ANYMODAL_DRAIN_MS", DRAIN_SECONDS * 1000)) // 1000
            expect(seconds(service.get("stop_grace_period", "10s")) >= drain + LONGEST_STEP_SECONDS, f"{place}: stop_grace_period ends before what is drained")
    # What has to be given is said at the head.
    for name in set(re.findall(r"\$\{(\w+):\?", text)):
        expect(name in text.split("services:")[0].split("x-anymodal:")[0], f"{where}: {name} is not named at the head")


def schema_of(kubernetes: zipfile.ZipFile, document: dict) -> dict | None:
    """With what it refers to put in; None for a kind that is not Kubernetes' own."""
    group, _, version = document["apiVersion"].rpartition("/")
    folder = f"kubernetes_validate/kubernetes-json-schema/{KUBERNETES}-local-strict"
    name = f"{folder}/{'-'.join(filter(None, [document['kind'].lower(), group.split('.')[0], version]))}.json"
    if name not in kubernetes.namelist():
        return None
    schema = json.loads(kubernetes.read(name))
    definitions = json.loads(kubernetes.read(f"{folder}/_definitions.json"))
    text = json.dumps({**schema, "$defs": definitions["$defs"]})
    return json.loads(text.replace("/api/_definitions.json#", "#"))


def pod_of(document: dict) -> dict | None:
    return document.get("spec", {}).get("template")


def check_kubernetes(folder: pathlib.Path, kubernetes: zipfile.ZipFile) -> None:
    documents = [(path.name, document) for path in sorted(folder.glob("*.yaml")) for document in yaml.safe_load_all(path.read_text())]
    named = {(document["kind"], document["metadata"]["name"]) for _, document in documents}
    pods = [pod["metadata"]["labels"] for _, document in documents if (pod := pod_of(document)) is not None]
    secrets = set(re.findall(r"--from-literal=([\w-]+)=", (folder / "README.md").read_text()))
    for file, document in documents:
        kind, spec = document["kind"], document.get("spec", {})
        where = f"{file}: {kind} {document['metadata']['name']}"
        schema = schema_of(kubernetes, document)
        if schema is not None:
            against(schema, document, where)
        else:
            expect(kind == "ScaledObject" and ("Deployment", spec["scaleTargetRef"]["name"]) in named, f"{where}: an unknown kind, or nothing to scale")
        selector = spec.get("selector")
        wanted = None if selector is None else selector.get("matchLabels", selector)
        if wanted is not None:
            expect(any(wanted.items() <= labels.items() for labels in pods), f"{where}: its selector {wanted} finds no pod")
        if kind == "ConfigMap":
            check_variables(list(document["data"]), where)
        pod = pod_of(document)
        if pod is None:
            continue
        volumes = {volume["name"] for volume in pod["spec"].get("volumes", [])} | {claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", [])}
        for container in pod["spec"]["containers"]:
            ports = {port["name"] for port in container.get("ports", [])}
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                port = container.get(probe, {}).get("httpGet", {}).get("port")
                expect(port is None or port in ports, f"{where}: {probe} asks a port {port}, which is not there")
            for mount in container.get("volumeMounts", []):
                expect(mount["name"] in volumes, f"{where}: there is no volume {mount['name']}")
            for source in container.get("envFrom", []):
                expect(("ConfigMap", source["configMapRef"]["name"]) in named, f"{where}: there is no such ConfigMap")
            variables = {variable["name"]: variable for variable in container.get("env", [])}
            check_variables(list(variables), where)
            for variable in variables.values():
                key = variable.get("valueFrom", {}).get("secretKeyRef", {}).get("key")
                expect(key is None or key in secrets, f"{where}: README.md makes no secret {key}")
            if container["image"] == "anymodal":
                drain = int(variables.get("ANYMODAL_DRAIN_MS", {}).get("value", DRAIN_SECONDS * 1000)) // 1000
                pause = int(container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["0"])[-1])
                expect(pod["spec"]["terminationGracePeriodSeconds"] >= drain + pause + LONGEST_STEP_SECONDS, f"{where}: its end comes before what is drained")


def main() -> int:
    wheels = pathlib.Path(sys.argv[1])
    schema = json.loads(wheel(wheels, "docker_compose").read("compose/config/compose_spec.json"))
    for path in sorted((ROOT / "deploy").rglob("compose.yaml")):
        check_compose(path, schema)
    check_kubernetes(ROOT / "deploy/kubernetes", wheel(wheels, "kubernetes_validate"))
    for fault in faults:
        print(fault)
    print(f"     Tests  {checked - len(faults)} passed" + (f" | {len(faults)} failed" if faults else ""))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
