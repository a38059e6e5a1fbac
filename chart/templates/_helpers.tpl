{{/* Names, labels and images: what more than one template needs. */}}

{{- define "model-sidecar.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* 50 characters leave room for suffixes such as `-dashboard`. */}}
{{- define "model-sidecar.fullname" -}}
{{- $name := include "model-sidecar.name" . }}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "model-sidecar.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "model-sidecar.serviceAccountName" -}}
{{- default (ternary (include "model-sidecar.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{- define "model-sidecar.selectorLabels" -}}
app.kubernetes.io/name: {{ include "model-sidecar.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The pod of `helm test` has a name of its own, so that no Service or budget takes it for one that serves. */}}
{{- define "model-sidecar.testLabels" -}}
app.kubernetes.io/name: {{ include "model-sidecar.name" . }}-test
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "model-sidecar.labels" -}}
{{- $own := fromYaml (include "model-sidecar.selectorLabels" .) }}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") }}
{{- $_ := set $own "app.kubernetes.io/version" (.Chart.AppVersion | toString | trunc 63 | trimSuffix "-") }}
{{- $_ := set $own "app.kubernetes.io/managed-by" .Release.Service }}
{{- merge $own .Values.commonLabels | toYaml }}
{{- end }}

{{/*
Metadata of an object. Takes the root, and optionally a name or a suffix of the usual one, a namespace,
labels and annotations of its own: (dict "root" . "suffix" "-admin" "labels" .Values.service.labels)
*/}}
{{- define "model-sidecar.metadata" -}}
name: {{ .name | default (include "model-sidecar.fullname" .root) }}{{ .suffix }}
namespace: {{ .namespace | default (include "model-sidecar.namespace" .root) }}
labels:
  {{- merge dict (.labels | default dict) (fromYaml (include "model-sidecar.labels" .root)) | toYaml | nindent 2 }}
{{- with merge dict (.annotations | default dict) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Reference of an image: (dict "root" . "image" .Values.fetcher.image) */}}
{{- define "model-sidecar.image" -}}
{{- with .root.Values.global.imageRegistry | default .image.registry }}{{ . }}/{{ end }}
{{- .image.repository }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- with .image.digest }}@{{ . }}{{ end }}
{{- end }}

{{- define "model-sidecar.kubeVersion" -}}
{{- default .Capabilities.KubeVersion.Version .Values.kubeVersionOverride }}
{{- end }}

{{/* `native` or `classic`: how the fetcher runs. A version may end in `-eks-…` or `+`, hence `-0`. */}}
{{- define "model-sidecar.fetcherMode" -}}
{{- $native := semverCompare ">=1.29.0-0" (include "model-sidecar.kubeVersion" .) }}
{{- if ne .Values.fetcher.mode "auto" }}{{ .Values.fetcher.mode }}
{{- else }}{{ ternary "native" "classic" $native }}
{{- end }}
{{- end }}

{{/* The port that clients in the cluster ask: those of a headless Service reach the pods with nothing between. */}}
{{- define "model-sidecar.port" -}}
{{- ternary .Values.inference.ports.http .Values.service.port (eq .Values.service.clusterIP "None") }}
{{- end }}

{{/* Whether an autoscaler decides the number of pods: `true` or nothing. */}}
{{- define "model-sidecar.autoscaled" -}}
{{- if or .Values.autoscaling.enabled .Values.keda.enabled }}true{{ end }}
{{- end }}

{{/* The fewest pods that are meant to run. */}}
{{- define "model-sidecar.minReplicas" -}}
{{- if .Values.autoscaling.enabled }}{{ .Values.autoscaling.minReplicas }}
{{- else if .Values.keda.enabled }}{{ .Values.keda.minReplicaCount }}
{{- else }}{{ .Values.replicaCount }}
{{- end }}
{{- end }}

{{/* A rule's port by number, so that it holds for the port of a native sidecar too. */}}
{{- define "model-sidecar.adminPorts" -}}
{{- $ports := list }}
{{- with .Values.inference.ports.admin }}{{ $ports = append $ports (dict "name" "admin" "port" (int .)) }}{{ end }}
{{- if .Values.fetcher.enabled }}
{{- $ports = append $ports (dict "name" "fetch-admin" "port" (int .Values.fetcher.adminPort)) }}
{{- end }}
{{- toYaml $ports }}
{{- end }}
