{{/* Everything of the pod but its containers. */}}

{{- define "model-sidecar.podLabels" -}}
{{- $labels := fromYaml (include "model-sidecar.labels" .) }}
{{- if and .Values.fetcher.enabled (eq .Values.auth.type "workloadIdentity") }}
{{- $_ := set $labels "azure.workload.identity/use" "true" }}
{{- end }}
{{- merge $labels .Values.podLabels | toYaml }}
{{- end }}

{{/*
The checksum makes an upgrade roll the pods when the secret they refer to has changed. `lookup` finds
nothing in `helm template`; there the secret's name stands for it.
*/}}
{{- define "model-sidecar.podAnnotations" -}}
{{- $own := dict "kubectl.kubernetes.io/default-container" "inference" }}
{{- if and .Values.fetcher.enabled (eq .Values.auth.type "workloadIdentity") }}
{{- $others := list "inference" }}
{{- range concat .Values.extraContainers .Values.extraInitContainers }}{{ $others = append $others .name }}{{ end }}
{{- $_ := set $own "azure.workload.identity/skip-containers" (join ";" $others) }}
{{- end }}
{{- $checksum := include "model-sidecar.checksum" . }}
{{- with $checksum }}{{ $_ := set $own "checksum/references" . }}{{ end }}
{{- merge dict .Values.podAnnotations $own .Values.commonAnnotations | toYaml }}
{{- end }}

{{/* A hash of the identity, Secrets and ConfigMaps that the pod is given. */}}
{{- define "model-sidecar.checksum" -}}
{{- $seen := dict }}
{{- $namespace := include "model-sidecar.namespace" . }}
{{- $references := list }}
{{- if and .Values.fetcher.enabled (eq .Values.auth.type "existingSecret") }}
{{- $references = append $references (list "Secret" .Values.auth.existingSecret.name) }}
{{- else if and .Values.fetcher.enabled (eq .Values.auth.type "workloadIdentity") }}
{{- $_ := set $seen "workloadIdentity" .Values.auth.workloadIdentity }}
{{- end }}
{{- range concat .Values.inference.extraEnv .Values.fetcher.extraEnv }}
{{- with dig "valueFrom" "secretKeyRef" "name" "" . }}{{ $references = append $references (list "Secret" .) }}{{ end }}
{{- with dig "valueFrom" "configMapKeyRef" "name" "" . }}{{ $references = append $references (list "ConfigMap" .) }}{{ end }}
{{- end }}
{{- range concat .Values.inference.extraEnvFrom .Values.fetcher.extraEnvFrom }}
{{- with dig "secretRef" "name" "" . }}{{ $references = append $references (list "Secret" .) }}{{ end }}
{{- with dig "configMapRef" "name" "" . }}{{ $references = append $references (list "ConfigMap" .) }}{{ end }}
{{- end }}
{{- range .Values.extraVolumes }}
{{- with dig "secret" "secretName" "" . }}{{ $references = append $references (list "Secret" .) }}{{ end }}
{{- with dig "configMap" "name" "" . }}{{ $references = append $references (list "ConfigMap" .) }}{{ end }}
{{- end }}
{{- range $references }}
{{- $found := lookup "v1" (first .) $namespace (last .) }}
{{- $_ := set $seen (join "/" .) (dict "data" (get $found "data") "binaryData" (get $found "binaryData")) }}
{{- end }}
{{- if $seen }}{{ $seen | toJson | sha256sum }}{{ end }}
{{- end }}

{{/* Without service links no variable of another Service can look like a setting of ours. */}}
{{- define "model-sidecar.podSettings" -}}
serviceAccountName: {{ include "model-sidecar.serviceAccountName" . }}
automountServiceAccountToken: {{ .Values.automountServiceAccountToken }}
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
{{- with .Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- range $name := list "priorityClassName" "runtimeClassName" "schedulerName" "dnsPolicy" }}
{{- with get $.Values $name }}
{{ $name }}: {{ . }}
{{- end }}
{{- end }}
{{- range $name := list "nodeSelector" "tolerations" "affinity" "hostAliases" "dnsConfig" }}
{{- with get $.Values $name }}
{{ $name }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with .Values.topologySpreadConstraints }}
{{- $spread := include "model-sidecar.spread" $ | fromYaml }}
topologySpreadConstraints:
  {{- range . }}
  - {{ merge dict . (ternary dict $spread (hasKey . "labelSelector")) | toYaml | nindent 4 | trim }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Whom a spread counts that does not say it: the pods of this revision, since those of the last one go. */}}
{{- define "model-sidecar.spread" -}}
labelSelector:
  matchLabels:
    {{- include "model-sidecar.selectorLabels" . | nindent 4 }}
{{- if semverCompare ">=1.27.0-0" (include "model-sidecar.kubeVersion" .) }}
matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}

{{- define "model-sidecar.volumes" -}}
{{- $volume := .Values.volume }}
{{- if ne $volume.type "none" }}
- name: models
{{- if eq $volume.type "emptyDir" }}
  {{- $settings := dict }}
  {{- range $key, $value := $volume.emptyDir }}{{ if $value }}{{ $_ := set $settings $key $value }}{{ end }}{{ end }}
  emptyDir: {{- ternary " {}" (toYaml $settings | nindent 4) (empty $settings) }}
{{- else if eq $volume.type "hostPath" }}
  hostPath: {path: {{ $volume.hostPath.path | quote }}, type: Directory}
{{- else if eq $volume.type "persistentVolumeClaim" }}
  persistentVolumeClaim:
    claimName: {{ $volume.persistentVolumeClaim.claimName | quote }}
    readOnly: {{ not .Values.fetcher.enabled }}
{{- else if eq $volume.type "image" }}
  image: {reference: {{ $volume.image.reference | quote }}, pullPolicy: {{ $volume.image.pullPolicy }}}
{{- end }}
{{- end }}
- name: tmp
  emptyDir: {sizeLimit: {{ .Values.tmpSizeLimit | quote }}}
{{- if include "model-sidecar.cache" . }}
- name: cache
  emptyDir: {sizeLimit: {{ .Values.inference.cache.sizeLimit | quote }}}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
