{{/* The container that faces the internet, the same in the operator's pods and in pods of its own. */}}

{{- define "storyjob.webhookContainer" -}}
name: webhook
{{ include "storyjob.imageOf" . }}
args: [webhook]
env:
  {{- include "storyjob.settings" . | nindent 2 }}
  {{- with .Values.webhook.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - {name: callbacks, containerPort: 8080}
  - {name: internal, containerPort: 8081}
{{ include "storyjob.probes" "internal" }}
resources: {{- toYaml .Values.webhook.resources | nindent 2 }}
securityContext: {{- include "storyjob.containerSecurity" . | nindent 2 }}
volumeMounts:
  - {name: webhook-token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
  - {name: webhook-tmp, mountPath: /tmp}
{{- end -}}
