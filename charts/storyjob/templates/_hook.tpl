{{/* What the pods of hooks have in common: their own account, with its token mounted as usual. */}}

{{- define "storyjob.hookPod" -}}
restartPolicy: Never
enableServiceLinks: false
securityContext: {{- include "storyjob.podSecurity" . | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "storyjob.hookResources" -}}
requests: {cpu: 50m, memory: 128Mi}
limits: {memory: 256Mi}
{{- end -}}

{{/* An account and its roles that live as long as the hook. Takes a dict: root, component,
     annotations, grants (dicts of name, namespace, rules; without a namespace for all of them). */}}
{{- define "storyjob.hookAccount" -}}
{{- $root := .root }}
{{- $name := printf "%s-%s" (include "storyjob.fullname" $root) .component }}
{{- $labels := include "storyjob.labels" (list $root .component) }}
{{- $subject := dict "kind" "ServiceAccount" "name" $name "namespace" $root.Release.Namespace }}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- $labels | nindent 4 }}
  annotations: {{- toYaml .annotations | nindent 4 }}
{{- range $grant := .grants }}
{{- $kind := ternary "Role" "ClusterRole" (not (empty $grant.namespace)) }}
{{- $full := ternary $grant.name (printf "%s:%s" $root.Release.Namespace $grant.name) (not (empty $grant.namespace)) }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}
metadata:
  name: {{ $full | quote }}
  {{- with $grant.namespace }}
  namespace: {{ . }}
  {{- end }}
  labels: {{- $labels | nindent 4 }}
  annotations: {{- toYaml $.annotations | nindent 4 }}
rules:
  {{- $grant.rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}Binding
metadata:
  name: {{ $full | quote }}
  {{- with $grant.namespace }}
  namespace: {{ . }}
  {{- end }}
  labels: {{- $labels | nindent 4 }}
  annotations: {{- toYaml $.annotations | nindent 4 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: {{ $kind }}, name: {{ $full | quote }}}
subjects: [{{ toJson $subject }}]
{{- end }}
{{- end -}}
