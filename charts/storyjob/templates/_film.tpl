{{/* The pod that makes a film. The operator adds what it is to do, and the restricted security that no value can loosen. */}}

{{- define "storyjob.filmPod" -}}
{{- $job := .Values.film.job -}}
metadata:
  {{- with .Values.podLabels }}
  labels: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.podAnnotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "storyjob.filmAccount" . }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $job.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with default .Values.nodeSelector $job.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with default .Values.tolerations $job.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with default .Values.affinity $job.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: film
      {{- include "storyjob.imageOf" . | nindent 6 }}
      env:
        {{- include "storyjob.settings" . | nindent 8 }}
        {{- include "storyjob.bucketSettings" . | nindent 8 }}
        {{- with $job.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      resources: {{- toYaml $job.resources | nindent 8 }}
      volumeMounts:
        - {name: work, mountPath: /work}
        - {name: work, mountPath: /tmp, subPath: tmp}
  volumes:
    - name: work
      {{- if $job.work.storageClassName }}
      ephemeral:
        volumeClaimTemplate:
          spec:
            accessModes: [ReadWriteOnce]
            storageClassName: {{ $job.work.storageClassName }}
            resources: {requests: {storage: {{ $job.work.sizeLimit }}}}
      {{- else }}
      emptyDir: {sizeLimit: {{ $job.work.sizeLimit }}}
      {{- end }}
{{- end -}}
