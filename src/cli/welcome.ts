/**
 * What a started daemon tells whoever started it: the endpoint, the keys, and lines to paste.
 */

import type { CredentialDocument } from '../control/protocol.ts'

export function welcome(
  { endpoint, home, engine }: { endpoint: string; home: string; engine: string },
  { accessKeyId, secretAccessKey }: CredentialDocument
): string {
  return `
r2d is running.

  S3 endpoint        ${endpoint}
  Access key id      ${accessKeyId}
  Secret access key  ${secretAccessKey}
  Region             auto
  Home               ${home}  (metadata in ${engine})

aws:
  export AWS_ENDPOINT_URL=${endpoint} AWS_REGION=auto AWS_ACCESS_KEY_ID=${accessKeyId} AWS_SECRET_ACCESS_KEY=${secretAccessKey}
  aws s3 mb s3://my-bucket && aws s3 cp README.md s3://my-bucket/

rclone:
  rclone lsd ':s3,provider=Other,endpoint="${endpoint}",region=auto,access_key_id=${accessKeyId},secret_access_key=${secretAccessKey}:'

@aws-sdk/client-s3:
  new S3Client({ endpoint: '${endpoint}', region: 'auto', forcePathStyle: true,
    credentials: { accessKeyId: '${accessKeyId}', secretAccessKey: '${secretAccessKey}' } })

r2d:
  r2d bucket create my-bucket && r2d cp README.md r2://my-bucket/   (from a checkout: bin/r2d)
`
}
