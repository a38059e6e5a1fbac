{{/* The containers of the pod. */}}

{{/* A probe; a handler of the user's takes the place of the default `httpGet`. */}}
{{- define "model-sidecar.probe" -}}
{{- if or .exec .tcpSocket .grpc }}{{ omit . "httpGet" | toYaml }}
{{- else }}{{ toYaml . }}
{{- end }}
{{- end }}

{{/* `sleep` needs no program in the image, so it works beside any server; Kubernetes has it since 1.30. */}}
{{- define "model-sidecar.lifecycle" -}}
{{- $seconds := int .Values.inference.preStopSeconds }}
{{- if .Values.inference.lifecycle }}{{ toYaml .Values.inference.lifecycle }}
{{- else if and $seconds (semverCompare ">=1.30.0-0" (include "model-sidecar.kubeVersion" .)) }}
preStop:
  sleep: {seconds: {{ $seconds }}}
{{- else if $seconds }}
preStop:
  exec: {command: [sleep, {{ $seconds | quote }}]}
{{- end }}
{{- end }}

{{- define "model-sidecar.serverArgs" -}}
- serve
- --volume={{ .Values.model.path }}
{{- range .Values.inference.models }}
- --model={{ . }}
{{- end }}
- --port={{ .Values.inference.ports.http }}
- --admin-port={{ .Values.inference.ports.admin }}
- --workers={{ .Values.inference.workers }}
{{- if ne .Values.inference.provider "cpu" }}
- --provider={{ .Values.inference.provider }}
{{- end }}
{{- if include "model-sidecar.cache" . }}
- --cache=/cache
- --cache-size={{ .Values.inference.cache.sizeLimit }}B
{{- end }}
{{- end }}

{{/* Not empty where the server has a scratch volume for optimised copies. */}}
{{- define "model-sidecar.cache" -}}
{{- $values := .Values.inference }}
{{- if and $values.cache.enabled (eq $values.provider "cpu") (not $values.command) (not $values.args) }}true{{ end }}
{{- end }}

{{- define "model-sidecar.inference" -}}
{{- $values := .Values.inference }}
{{- $args := $values.args }}
{{- if not (or $args $values.command) }}{{ $args = fromYamlArray (include "model-sidecar.serverArgs" .) }}{{ end }}
name: inference
image: {{ include "model-sidecar.image" (dict "root" . "image" $values.image) | quote }}
imagePullPolicy: {{ $values.image.pullPolicy }}
{{- with $values.command }}
command:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with concat $args $values.extraArgs }}
args:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - {name: http, containerPort: {{ $values.ports.http }}, protocol: TCP}
  {{- with $values.ports.admin }}
  - {name: admin, containerPort: {{ . }}, protocol: TCP}
  {{- end }}
  {{- with $values.extraPorts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $values.extraEnv }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- range $probe := list "startupProbe" "readinessProbe" "livenessProbe" }}
{{- with get $values $probe }}
{{ $probe }}:
  {{- include "model-sidecar.probe" . | nindent 2 }}
{{- end }}
{{- end }}
{{- with include "model-sidecar.lifecycle" . | trim }}
lifecycle:
  {{- . | nindent 2 }}
{{- end }}
{{- with $values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
terminationMessagePolicy: FallbackToLogsOnError
volumeMounts:
  {{- if ne .Values.volume.type "none" }}
  - {name: models, mountPath: {{ .Values.model.path | quote }}, readOnly: true}
  {{- end }}
  - {name: tmp, mountPath: /tmp}
  {{- if include "model-sidecar.cache" . }}
  - {name: cache, mountPath: /cache}
  {{- end }}
  {{- with $values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* Environment of the fetcher that comes from `auth`. */}}
{{- define "model-sidecar.authEnv" -}}
{{- $auth := .Values.auth }}
{{- if eq $auth.type "existingSecret" }}
{{- $names := dict
  "connectionString" "AZURE_STORAGE_CONNECTION_STRING"
  "accountKey" "AZURE_STORAGE_KEY"
  "sasToken" "AZURE_STORAGE_SAS_TOKEN"
  "s3AccessKeyId" "AWS_ACCESS_KEY_ID"
  "s3SecretAccessKey" "AWS_SECRET_ACCESS_KEY"
  "s3SessionToken" "AWS_SESSION_TOKEN"
  "googleServiceAccountKey" "GOOGLE_SERVICE_ACCOUNT_KEY" }}
- {name: MODEL_FETCHER_AUTH, value: auto}
{{- range $block, $key := $auth.existingSecret.keys }}
{{- if $key }}
- name: {{ get $names $block }}
  valueFrom: {secretKeyRef: {name: {{ $auth.existingSecret.name | quote }}, key: {{ $key | quote }}}}
{{- end }}
{{- end }}
{{- else }}
- {name: MODEL_FETCHER_AUTH, value: {{ get (dict "workloadIdentity" "workload-identity") $auth.type | default $auth.type }}}
{{- end }}
{{- end }}

{{/* What the fetcher's init container and its sidecar have in common. */}}
{{- define "model-sidecar.fetcherCommon" -}}
image: {{ include "model-sidecar.image" (dict "root" . "image" .Values.fetcher.image) | quote }}
imagePullPolicy: {{ .Values.fetcher.image.pullPolicy }}
env:
  {{- include "model-sidecar.authEnv" . | trim | nindent 2 }}
  {{- with .Values.fetcher.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.fetcher.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.fetcher.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.fetcher.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
terminationMessagePolicy: FallbackToLogsOnError
volumeMounts:
  - {name: models, mountPath: {{ .Values.model.path | quote }}}
  {{- with .Values.fetcher.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* Arguments that `fetch` and `watch` share. */}}
{{- define "model-sidecar.fetchArgs" -}}
{{- range prepend .Values.model.additionalSources .Values.model.source }}
- {{ . | quote }}
{{- end }}
- --volume={{ .Values.model.path }}
- --channel={{ .Values.model.channel }}
{{- end }}

{{/* Fills the volume once, before the server starts, where there are no native sidecars. */}}
{{- define "model-sidecar.fetcherInit" -}}
name: fetcher-init
args:
  - fetch
  {{- include "model-sidecar.fetchArgs" . | trim | nindent 2 }}
{{ include "model-sidecar.fetcherCommon" . }}
{{- end }}

{{- define "model-sidecar.fetcher" -}}
{{- $native := eq (include "model-sidecar.fetcherMode" .) "native" }}
{{- $model := .Values.model }}
name: fetcher
{{- if $native }}
restartPolicy: Always
{{- end }}
args:
  - watch
  {{- include "model-sidecar.fetchArgs" . | trim | nindent 2 }}
  - --interval={{ $model.interval }}
  - --keep={{ $model.keep }}
  - --admin-port={{ .Values.fetcher.adminPort }}
  - --give-up-after={{ .Values.fetcher.giveUpAfter }}
  {{- if $model.confirm.enabled }}
  - --confirm-url={{ $model.confirm.url | default (printf "http://127.0.0.1:%d/v2/repository/index" (int .Values.inference.ports.http)) }}
  - --confirm-timeout={{ $model.confirm.timeout }}
  {{- end }}
  {{- with .Values.fetcher.extraArgs }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - {name: fetch-admin, containerPort: {{ .Values.fetcher.adminPort }}, protocol: TCP}
{{- if $native }}
{{- with .Values.fetcher.startupProbe }}
startupProbe:
  {{- include "model-sidecar.probe" . | nindent 2 }}
{{- end }}
{{- end }}
{{- with .Values.fetcher.livenessProbe }}
livenessProbe:
  {{- include "model-sidecar.probe" . | nindent 2 }}
{{- end }}
{{ include "model-sidecar.fetcherCommon" . }}
{{- end }}
