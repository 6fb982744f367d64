{{/* The environment, as docs/settings.md describes it. */}}

{{- define "storyjob.settings" -}}
- name: STORYJOB_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
{{- with .Values.watchNamespaces }}
- {name: STORYJOB_WATCH_NAMESPACES, value: {{ join "," . | quote }}}
{{- end }}
- {name: STORYJOB_S3_BUCKET, value: {{ required "s3.bucket: name the bucket for media and films" .Values.s3.bucket | quote }}}
{{- range $key, $value := .Values.settings }}
- {name: STORYJOB_{{ snakecase $key | upper }}, value: {{ (kindIs "string" $value | ternary $value (toJson $value)) | quote }}}
{{- end }}
{{- end -}}

{{- define "storyjob.bucketSettings" -}}
{{- with .Values.s3 -}}
- {name: STORYJOB_S3_PREFIX, value: {{ .prefix | quote }}}
- {name: STORYJOB_S3_REGION, value: {{ .region | quote }}}
{{- with .endpoint }}
- {name: STORYJOB_S3_ENDPOINT, value: {{ . | quote }}}
{{- end }}
{{- with .publicEndpoint }}
- {name: STORYJOB_S3_PUBLIC_ENDPOINT, value: {{ . | quote }}}
{{- end }}
{{- if .existingSecret.name }}
- name: STORYJOB_S3_ACCESS_KEY_ID
  valueFrom: {secretKeyRef: {name: {{ .existingSecret.name }}, key: {{ .existingSecret.accessKeyIdKey }}}}
- name: STORYJOB_S3_SECRET_ACCESS_KEY
  valueFrom: {secretKeyRef: {name: {{ .existingSecret.name }}, key: {{ .existingSecret.secretAccessKeyKey }}}}
{{- end }}
{{- end }}
- {name: STORYJOB_WORK_DIR, value: /work}
{{- end -}}

{{- define "storyjob.operatorSettings" -}}
{{ include "storyjob.bucketSettings" . }}
{{- with .Values.sharedPrefixes }}
- {name: STORYJOB_SHARED_PREFIXES, value: {{ join "," . | quote }}}
{{- end }}
{{- with include "storyjob.callbackUrl" . }}
- {name: STORYJOB_CALLBACK_URL, value: {{ . | quote }}}
{{- end }}
{{- $hosts := .Values.allowedHosts }}
{{- if .Values.simulator.enabled }}
{{- $hosts = append $hosts (printf "%s:8600" (include "storyjob.simulatorHost" .)) }}
{{- end }}
{{- with $hosts }}
- {name: STORYJOB_ALLOWED_HOSTS, value: {{ join "," . | quote }}}
{{- end }}
- {name: STORYJOB_LEASE_NAME, value: {{ include "storyjob.fullname" . }}}
{{- if eq .Values.film.runner "Job" }}
{{- with .Values.film }}
- {name: STORYJOB_FILM_RUNNER, value: {{ .runner }}}
- {name: STORYJOB_FILM_DEADLINE_SECONDS, value: {{ .job.deadlineSeconds | int64 | quote }}}
- {name: STORYJOB_FILM_BACKOFF_LIMIT, value: {{ .job.backoffLimit | int64 | quote }}}
- {name: STORYJOB_FILM_TTL_SECONDS, value: {{ .job.ttlSecondsAfterFinished | int64 | quote }}}
{{- with .job.queueName }}
- {name: STORYJOB_FILM_QUEUE, value: {{ . }}}
{{- end }}
{{- end }}
# Kubernetes would put variables of the operator's in place of $(NAME).
- {name: STORYJOB_FILM_POD, value: {{ include "storyjob.filmPod" . | fromYaml | toJson | replace "$(" "$$(" | quote }}}
{{- end }}
{{- end -}}
