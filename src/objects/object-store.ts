/**
 * The store over metadata and volumes: each operation is the file of its name.
 */

import { createBucket, deleteBucket, hasLocation, headBucket, listBuckets } from './bucket.ts'
import { getBucketCors, setBucketCors } from './bucket-cors.ts'
import { getBucketLifecycle, setBucketLifecycle } from './bucket-lifecycle.ts'
import type { StoreContext } from './context.ts'
import { copy } from './copy.ts'
import { deleteObjects } from './delete.ts'
import { get, head, stat } from './get.ts'
import { list } from './list.ts'
import { put } from './put.ts'
import type { Store } from './store.ts'
import { setTags } from './tags.ts'
import { completeUpload } from './complete-upload.ts'
import { listParts, listUploads } from './list-uploads.ts'
import { abortUpload, createUpload } from './upload.ts'
import { copyPart, uploadPart } from './upload-part.ts'

export function createObjectStore(context: StoreContext): Store {
  return {
    createBucket: (name, options) => createBucket(context, name, options),
    headBucket: name => headBucket(context, name),
    listBuckets: options => listBuckets(context, options),
    deleteBucket: name => deleteBucket(context, name),
    hasLocation: name => hasLocation(context, name),
    getBucketCors: name => getBucketCors(context, name),
    setBucketCors: (name, rules) => setBucketCors(context, name, rules),
    getBucketLifecycle: name => getBucketLifecycle(context, name),
    setBucketLifecycle: (name, rules) => setBucketLifecycle(context, name, rules),
    put: (bucket, key, body, options) => put(context, bucket, key, body, options),
    get: (bucket, key, options) => get(context, bucket, key, options),
    head: (bucket, key, options) => head(context, bucket, key, options),
    stat: (bucket, key) => stat(context, bucket, key),
    setTags: (bucket, key, tags) => setTags(context, bucket, key, tags),
    delete: (bucket, keys, preconditions) => deleteObjects(context, bucket, keys, preconditions),
    copy: options => copy(context, options),
    list: (bucket, options) => list(context, bucket, options),
    createUpload: (bucket, key, options) => createUpload(context, bucket, key, options),
    uploadPart: (target, body, options) => uploadPart(context, target, body, options),
    copyPart: (target, options) => copyPart(context, target, options),
    completeUpload: (target, options) => completeUpload(context, target, options),
    abortUpload: target => abortUpload(context, target),
    listParts: (target, options) => listParts(context, target, options),
    listUploads: (bucket, options) => listUploads(context, bucket, options)
  }
}
