{{/* Names and labels. */}}

{{- define "storyjob.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "storyjob.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "storyjob.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "storyjob.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* For what belongs to no namespace: two releases of one name must not meet. */}}
{{- define "storyjob.clusterName" -}}
{{- printf "%s:%s" .Release.Namespace (include "storyjob.fullname" .) -}}
{{- end -}}

{{/* Takes (list $ component). */}}
{{- define "storyjob.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "storyjob.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Takes (list $ component). */}}
{{- define "storyjob.labels" -}}
{{- $root := index . 0 -}}
{{ include "storyjob.selector" . }}
app.kubernetes.io/part-of: storyjob
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name ($root.Chart.Version | replace "+" "_") }}
{{- end -}}

{{- define "storyjob.operatorAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "storyjob.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name: name the operator's account, or let the chart make it (serviceAccount.create)" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "storyjob.webhookAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (printf "%s-webhook" (include "storyjob.fullname" .)) .Values.serviceAccount.webhookName -}}
{{- else -}}
{{- required "serviceAccount.webhookName: name the webhook's account, or let the chart make it (serviceAccount.create)" .Values.serviceAccount.webhookName -}}
{{- end -}}
{{- end -}}

{{- define "storyjob.filmAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (printf "%s-film" (include "storyjob.fullname" .)) .Values.serviceAccount.filmName -}}
{{- else -}}
{{- required "serviceAccount.filmName: name the film Jobs' account, or let the chart make it (serviceAccount.create)" .Values.serviceAccount.filmName -}}
{{- end -}}
{{- end -}}

{{/* Which pods the webhook runs in. */}}
{{- define "storyjob.webhookComponent" -}}
{{- ternary "webhook" "operator" (eq .Values.webhook.placement "Deployment") -}}
{{- end -}}

{{- define "storyjob.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "storyjob.simulatorHost" -}}
{{- printf "%s-simulator.%s.svc" (include "storyjob.fullname" .) .Release.Namespace -}}
{{- end -}}

{{/* The public base URL of the callbacks, empty where there is none. */}}
{{- define "storyjob.callbackUrl" -}}
{{- if .Values.webhook.enabled -}}
{{- if .Values.callbackUrl -}}
{{- .Values.callbackUrl | trimSuffix "/" -}}
{{- else if and .Values.ingress.enabled .Values.ingress.host -}}
{{- printf "https://%s" .Values.ingress.host -}}
{{- else if and .Values.httpRoute.enabled .Values.httpRoute.hostnames -}}
{{- printf "https://%s" (first .Values.httpRoute.hostnames) -}}
{{- else if .Values.simulator.enabled -}}
{{- printf "http://%s-callbacks.%s.svc:%v" (include "storyjob.fullname" .) .Release.Namespace .Values.service.callbacks.port -}}
{{- end -}}
{{- end -}}
{{- end -}}
