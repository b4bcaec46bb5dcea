import Ls from '../ls.ts'

/** Where people who know wrangler look for it; with a bucket, it lists what is in it. */
export default class BucketLs extends Ls {
  static override summary = 'List buckets, or what is in one'
  static override aliases = ['bucket:list']
}
