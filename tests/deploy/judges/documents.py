"""Reads YAML documents and writes them as a JSON list; with the argument `kubernetes`, Kubernetes' own kinds are held
against the schemas of the oldest and of the newest version that is meant, unknown fields included."""

import json
import sys

import yaml

VERSIONS = ("1.25", "1.37")


def validate(documents):
    import kubernetes_validate

    for document in documents:
        if document["apiVersion"].startswith("monitoring.coreos.com/"):
            continue
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                name = document["metadata"]["name"]
                sys.exit(f"{document['kind']} {name}, Kubernetes {version}: {list(error.path)}: {error.message}")


documents = list(yaml.safe_load_all(sys.stdin))
if "kubernetes" in sys.argv[1:]:
    validate(documents)
json.dump(documents, sys.stdout)
