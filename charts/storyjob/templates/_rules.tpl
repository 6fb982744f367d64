{{/* What the two accounts may do. Tests compare these with the rights that the programs ask for at start. */}}

{{/* In the namespaces that are served. */}}
{{- define "storyjob.operatorRules" -}}
- apiGroups: [storyjob.dev]
  resources: [storyjobs]
  verbs: [get, list, watch, patch, delete]
- apiGroups: [storyjob.dev]
  resources: [scenes]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [storyjob.dev]
  resources: [mediaproviders]
  verbs: [list, watch, patch]
- apiGroups: [storyjob.dev]
  resources: [storyjobs/status, scenes/status, mediaproviders/status]
  verbs: [patch]
# Scenes have owner references that block the story's deletion; OpenShift asks for this right then.
- apiGroups: [storyjob.dev]
  resources: [storyjobs/finalizers]
  verbs: [update]
# By name only: which Secrets is up to the MediaProviders, and to the label that each of them must have.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end -}}

{{/* In the operator's own namespace. */}}
{{- define "storyjob.operatorOwnRules" -}}
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [storyjob-webhook-keys]
  verbs: [get, patch]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "storyjob.fullname" . }}]
  verbs: [get, patch]
{{- if eq .Values.film.runner "Job" }}
- apiGroups: [batch]
  resources: [jobs]
  verbs: [create, get, list, watch, delete]
# What a film's pod said last is in its status.
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
{{- end }}
{{- end -}}

{{- define "storyjob.webhookRules" -}}
- apiGroups: [storyjob.dev]
  resources: [scenes, mediaproviders]
  verbs: [list, watch]
- apiGroups: [storyjob.dev]
  resources: [scenes/status]
  verbs: [patch]
{{- end -}}

{{- define "storyjob.webhookOwnRules" -}}
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [storyjob-webhook-keys]
  verbs: [get]
{{- end -}}

{{/* One role and its binding. Takes a dict: root, component, kind (Role, ClusterRole), name, namespace, account, rules. */}}
{{- define "storyjob.grant" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}
metadata:
  name: {{ .name | quote }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels: {{- include "storyjob.labels" (list .root .component) | nindent 4 }}
rules:
  {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}Binding
metadata:
  name: {{ .name | quote }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels: {{- include "storyjob.labels" (list .root .component) | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ .name | quote }}
subjects:
  - kind: ServiceAccount
    name: {{ .account }}
    namespace: {{ .root.Release.Namespace }}
{{- end -}}

{{/* The same rules for all namespaces or for each of `watchNamespaces`. Takes a dict as above. */}}
{{- define "storyjob.grantServed" -}}
{{- $grant := . -}}
{{- $root := .root -}}
{{- $suffix := printf "%s-%s" (include "storyjob.fullname" $root) .component -}}
{{- if $root.Values.watchNamespaces }}
{{- range $root.Values.watchNamespaces }}
---
{{ include "storyjob.grant" (merge (dict "kind" "Role" "namespace" . "name" (printf "%s-%s" $root.Release.Namespace $suffix)) $grant) }}
{{- end }}
{{- else }}
---
{{ include "storyjob.grant" (merge (dict "kind" "ClusterRole" "name" (printf "%s:%s" $root.Release.Namespace $suffix)) $grant) }}
{{- end }}
{{- end -}}
