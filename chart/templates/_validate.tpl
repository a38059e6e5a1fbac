{{/* Combinations that cannot work. All are told together, each with its cure. */}}

{{- define "model-sidecar.problems.model" -}}
{{- $type := .Values.volume.type }}
{{- if .Values.fetcher.enabled }}
{{- if not .Values.model.source }}
- "model.source is empty, so there is nothing to fetch: set it to the root of your model, such as az://ACCOUNT/CONTAINER/PREFIX/NAME or s3://BUCKET/PREFIX/NAME, or set fetcher.enabled=false if the volume or the image has the model already."
{{- end }}
{{- if has $type (list "image" "none") }}
- "volume.type={{ $type }} leaves the fetcher nothing to write to: choose emptyDir, hostPath or persistentVolumeClaim, or set fetcher.enabled=false."
{{- end }}
{{- if and (eq .Values.fetcher.mode "native") (semverCompare "<1.29.0-0" (include "model-sidecar.kubeVersion" .)) }}
- "fetcher.mode=native needs Kubernetes 1.29 or later, this is {{ include "model-sidecar.kubeVersion" . }}: use auto or classic."
{{- end }}
{{- $names := list }}
{{- range prepend .Values.model.additionalSources .Values.model.source }}
{{- $name := trimSuffix "/" . | base | trimSuffix ".onnx" }}
{{- if has $name $names }}
- "two sources of model.source and model.additionalSources end in {{ $name }}, and that is a model's name: rename one, or install the chart once for each."
{{- end }}
{{- $names = append $names $name }}
{{- end }}
{{- else }}
{{- if eq $type "emptyDir" }}
- "fetcher.enabled=false with volume.type=emptyDir leaves the server without a model: set volume.type to persistentVolumeClaim, hostPath, image, or none for a model baked into inference.image."
{{- end }}
{{- if or .Values.model.source .Values.model.additionalSources }}
- "model.source is set but fetcher.enabled=false, so nobody would fetch it: remove model.source and model.additionalSources, or set fetcher.enabled=true."
{{- end }}
{{- end }}
{{- if eq (trimSuffix "/" .Values.model.path) "/tmp" }}
- "model.path={{ .Values.model.path }} is where temporary files go: choose another directory, such as /models."
{{- end }}
{{- if and (eq $type "persistentVolumeClaim") (not .Values.volume.persistentVolumeClaim.claimName) }}
- "volume.type=persistentVolumeClaim needs the name of a claim: set volume.persistentVolumeClaim.claimName."
{{- end }}
{{- if eq $type "image" }}
{{- if not .Values.volume.image.reference }}
- "volume.type=image needs an image: set volume.image.reference."
{{- end }}
{{- if semverCompare "<1.31.0-0" (include "model-sidecar.kubeVersion" .) }}
- "volume.type=image needs Kubernetes 1.31 or later (with the ImageVolume feature), this is {{ include "model-sidecar.kubeVersion" . }}: use a persistentVolumeClaim, or bake the model into inference.image and set volume.type=none."
{{- end }}
{{- end }}
{{- end }}

{{- define "model-sidecar.problems.auth" -}}
{{- $auth := .Values.auth }}
{{- if and (eq $auth.type "workloadIdentity") .Values.serviceAccount.create (not $auth.workloadIdentity.clientId) (not (get .Values.serviceAccount.annotations "azure.workload.identity/client-id")) }}
- "auth.type=workloadIdentity needs the identity to use: set auth.workloadIdentity.clientId, or bring an annotated service account with serviceAccount.create=false and serviceAccount.name."
{{- end }}
{{- if eq $auth.type "existingSecret" }}
{{- if not $auth.existingSecret.name }}
- "auth.type=existingSecret needs a secret: set auth.existingSecret.name."
{{- end }}
{{- if not (compact (values $auth.existingSecret.keys)) }}
- "auth.type=existingSecret needs to know what the secret holds: set one of auth.existingSecret.keys, such as connectionString, to the key in the secret."
{{- end }}
{{- if and $auth.existingSecret.keys.s3AccessKeyId (not $auth.existingSecret.keys.s3SecretAccessKey) }}
- "auth.existingSecret.keys.s3AccessKeyId is of no use alone: set auth.existingSecret.keys.s3SecretAccessKey too."
{{- end }}
{{- end }}
{{- end }}

{{- define "model-sidecar.problems.network" -}}
{{- $service := .Values.service }}
{{- if ne $service.type "LoadBalancer" }}
{{- range $name := list "loadBalancerClass" "loadBalancerSourceRanges" }}
{{- if get $service $name }}
- "service.{{ $name }} is for service.type=LoadBalancer, this is {{ $service.type }}: remove it or change the type."
{{- end }}
{{- end }}
{{- if or $service.azure.internal $service.azure.internalSubnet $service.azure.dnsLabel $service.azure.ip $service.azure.pipName $service.azure.healthProbePath $service.azure.idleTimeoutMinutes }}
- "service.azure is for service.type=LoadBalancer, this is {{ $service.type }}: remove its settings or change the type."
{{- end }}
{{- end }}
{{- if eq $service.type "ClusterIP" }}
{{- if $service.externalTrafficPolicy }}
- "service.externalTrafficPolicy is not for service.type=ClusterIP: remove it or choose LoadBalancer or NodePort."
{{- end }}
{{- if $service.nodePort }}
- "service.nodePort is not for service.type=ClusterIP: remove it or choose NodePort or LoadBalancer."
{{- end }}
{{- else if eq $service.clusterIP "None" }}
- "service.clusterIP=None makes a headless Service, which service.type={{ $service.type }} cannot be: set service.type=ClusterIP."
{{- end }}
{{- if and $service.azure.internalSubnet (not $service.azure.internal) }}
- "service.azure.internalSubnet is for an internal load balancer: set service.azure.internal=true."
{{- end }}
{{- if and $service.azure.internal $service.azure.dnsLabel }}
- "service.azure.dnsLabel names a public address, and service.azure.internal=true has none: remove one of them."
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
- "httpRoute.enabled=true needs a Gateway to attach to: set httpRoute.parentRefs, such as [{name: public}]."
{{- end }}
{{- $inference := .Values.inference }}
{{- if eq (int $inference.ports.http) (int $inference.ports.admin) }}
- "inference.ports.http and inference.ports.admin are both {{ $inference.ports.http }}: give them different numbers."
{{- end }}
{{- if not $inference.ports.admin }}
{{- range $probe := list "startupProbe" "readinessProbe" "livenessProbe" }}
{{- if eq "admin" (dig "httpGet" "port" "" (fromYaml (include "model-sidecar.probe" (get $inference $probe | default dict))) | toString) }}
- "inference.ports.admin=0 leaves inference.{{ $probe }} no port to ask: set its httpGet.path and httpGet.port, or set it to null."
{{- end }}
{{- end }}
{{- end }}
{{- $monitor := .Values.metrics.monitor }}
{{- $ports := list }}
{{- range fromYamlArray (include "model-sidecar.adminPorts" .) }}{{ $ports = append $ports .name }}{{ end }}
{{- if and $monitor.enabled (eq $monitor.kind "ServiceMonitor") (not (has $monitor.port $ports)) }}
- "metrics.monitor.port={{ $monitor.port }} is in no Service that a ServiceMonitor could read: set metrics.monitor.kind=PodMonitor."
{{- else if and $monitor.enabled (eq $monitor.port "admin") (not $inference.ports.admin) }}
- "metrics.monitor.port=admin is not there with inference.ports.admin=0: name the port of the server's metrics, such as http."
{{- end }}
{{- if and .Values.fetcher.enabled (has (int .Values.fetcher.adminPort) (list (int $inference.ports.http) (int $inference.ports.admin))) }}
- "fetcher.adminPort={{ .Values.fetcher.adminPort }} is taken by the inference container, and a pod has one network: choose another number."
{{- end }}
{{- end }}

{{- define "model-sidecar.problems.scaling" -}}
{{- $hpa := .Values.autoscaling }}
{{- $keda := .Values.keda }}
{{- $pdb := .Values.podDisruptionBudget }}
{{- if and $hpa.enabled $keda.enabled }}
- "autoscaling.enabled and keda.enabled would fight over the number of pods: enable one of them."
{{- end }}
{{- if and $hpa.enabled (gt (int $hpa.minReplicas) (int $hpa.maxReplicas)) }}
- "autoscaling.minReplicas={{ $hpa.minReplicas }} is above autoscaling.maxReplicas={{ $hpa.maxReplicas }}: raise the maximum or lower the minimum."
{{- end }}
{{- if and $hpa.enabled (not (or $hpa.targetCPUUtilizationPercentage $hpa.targetMemoryUtilizationPercentage $hpa.metrics)) }}
- "autoscaling.enabled=true has nothing to go by: set autoscaling.targetCPUUtilizationPercentage, targetMemoryUtilizationPercentage or metrics."
{{- end }}
{{- if and $keda.enabled (not $keda.triggers) }}
- "keda.enabled=true needs at least one trigger: set keda.triggers."
{{- end }}
{{- if and $keda.enabled (gt (int $keda.minReplicaCount) (int $keda.maxReplicaCount)) }}
- "keda.minReplicaCount={{ $keda.minReplicaCount }} is above keda.maxReplicaCount={{ $keda.maxReplicaCount }}: raise the maximum or lower the minimum."
{{- end }}
{{- if and $pdb.enabled (ne (toString $pdb.minAvailable) "") (ne (toString $pdb.maxUnavailable) "") }}
- "podDisruptionBudget takes minAvailable or maxUnavailable, not both: leave one of them empty."
{{- end }}
{{- $least := int (include "model-sidecar.minReplicas" .) }}
{{- if and $pdb.enabled $least (regexMatch "^[0-9]+$" (toString $pdb.minAvailable)) (ge (int $pdb.minAvailable) $least) }}
- "podDisruptionBudget.minAvailable={{ $pdb.minAvailable }} with {{ $least }} pod(s) would block every drain of a node: lower it or run more pods."
{{- end }}
{{- if and (not .Values.inference.lifecycle) (ge (int .Values.inference.preStopSeconds) (int .Values.terminationGracePeriodSeconds)) }}
- "inference.preStopSeconds={{ .Values.inference.preStopSeconds }} leaves no time to finish requests: raise terminationGracePeriodSeconds (now {{ .Values.terminationGracePeriodSeconds }}) above it."
{{- end }}
{{- end }}

{{/* Server-side apply refuses a list that has a name twice, in words that name neither the value nor the cure. */}}
{{- define "model-sidecar.problems.names" -}}
{{- $own := list }}
{{- range fromYamlArray (include "model-sidecar.authEnv" .) }}{{ $own = append $own .name }}{{ end }}
{{- range $block, $names := dict "fetcher" $own "inference" list }}
{{- range (get $.Values $block).extraEnv }}
{{- if has .name $names }}
- "{{ $block }}.extraEnv sets {{ .name }} twice or sets what the chart sets: remove it, or use the chart's own value."
{{- end }}
{{- $names = append $names .name }}
{{- end }}
{{- end }}
{{- $volumes := list "models" "tmp" "cache" }}
{{- range .Values.extraVolumes }}
{{- if has .name $volumes }}
- "extraVolumes has a volume named {{ .name }}, which is there already: give it another name."
{{- end }}
{{- $volumes = append $volumes .name }}
{{- end }}
{{- $containers := list "inference" "fetcher" "fetcher-init" }}
{{- range concat .Values.extraContainers .Values.extraInitContainers }}
{{- if has .name $containers }}
- "extraContainers or extraInitContainers has a container named {{ .name }}, which is there already: give it another name."
{{- end }}
{{- $containers = append $containers .name }}
{{- end }}
{{- range $block, $field := dict "inference" "containerPort" "service" "port" }}
{{- $values := get $.Values $block }}
{{- $names := list "http" "admin" "fetch-admin" }}
{{- $own := ternary (list $.Values.service.port) (values $.Values.inference.ports) (eq $block "service") }}
{{- $numbers := list }}
{{- range $own }}{{ $numbers = append $numbers (printf "%d/TCP" (int .)) }}{{ end }}
{{- range $values.extraPorts }}
{{- $number := printf "%d/%s" (int (get . $field)) (.protocol | default "TCP") }}
{{- if or (has .name $names) (has $number $numbers) }}
- "{{ $block }}.extraPorts has {{ .name }} ({{ $number }}), and that name or number is there already: give it others."
{{- end }}
{{- $names = append $names .name }}
{{- $numbers = append $numbers $number }}
{{- end }}
{{- end }}
{{- end }}

{{- define "model-sidecar.validate" -}}
{{- $problems := list }}
{{- range list "model" "auth" "network" "scaling" "names" }}
{{- $problems = concat $problems (fromYamlArray (include (printf "model-sidecar.problems.%s" .) $)) }}
{{- end }}
{{- with $problems }}{{ fail (printf "these values cannot work:\n- %s" (join "\n- " .)) }}{{ end }}
{{- end }}
