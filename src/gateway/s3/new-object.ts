/**
 * What the headers of PutObject and of CreateMultipartUpload say of the object that is to be.
 */

import type { IncomingHttpHeaders } from 'node:http'
import type { PutOptions } from '../../objects/store.ts'
import { readPrecondition } from '../headers/conditions.ts'
import { readCustomerKey } from '../headers/customer-key.ts'
import {
  readCustomMetadata,
  readHttpMetadata,
  readStorageClass
} from '../headers/object-headers.ts'
import { parseTagging } from '../headers/tags.ts'

type NewObject = Pick<
  PutOptions,
  'httpMetadata' | 'customMetadata' | 'customerKey' | 'storageClass' | 'precondition' | 'tags'
>

export function readNewObject(headers: IncomingHttpHeaders): NewObject {
  const customerKey = readCustomerKey(headers)
  const precondition = readPrecondition(headers)
  const storageClass = readStorageClass(headers)
  const httpMetadata = readHttpMetadata(headers)
  const customMetadata = readCustomMetadata(headers)
  const tags = parseTagging(headers)

  return {
    httpMetadata,
    customMetadata,
    customerKey,
    ...(storageClass === undefined ? {} : { storageClass }),
    ...(precondition === undefined ? {} : { precondition }),
    ...(tags === undefined || tags.length === 0 ? {} : { tags })
  }
}
