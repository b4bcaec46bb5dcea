"""boto3 with nothing but its defaults against the endpoint in AWS_ENDPOINT_URL; ends with 1 at the first thing that is wrong.

Arguments: the name of a new bucket, and of the check to run in it.
"""

import hashlib
import io
import os
import sys
import urllib.request

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

bucket = sys.argv[1]
endpoint = os.environ['AWS_ENDPOINT_URL']
# Releases before 1.28 do not read the variable.
s3 = boto3.client('s3', endpoint_url=endpoint)


def refused(call, **arguments):
    """The error's code and HTTP status."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response['Error']['Code'], error.response['ResponseMetadata']['HTTPStatusCode']
    raise AssertionError(f'{call.__name__} was not refused')


def put(key, body, **arguments):
    return s3.put_object(Bucket=bucket, Key=key, Body=body, **arguments)


def read(key, **arguments):
    return s3.get_object(Bucket=bucket, Key=key, **arguments)['Body'].read()


def check_buckets():
    other = f'{bucket}-other'
    s3.create_bucket(Bucket=other)
    s3.get_waiter('bucket_exists').wait(Bucket=other)
    assert s3.head_bucket(Bucket=other)['ResponseMetadata']['HTTPStatusCode'] == 200
    assert other in [found['Name'] for found in s3.list_buckets()['Buckets']]
    assert s3.get_bucket_location(Bucket=other)['LocationConstraint'] == 'LOCAL'
    assert 'Status' not in s3.get_bucket_versioning(Bucket=other)
    assert refused(s3.create_bucket, Bucket=other)[0] == 'BucketAlreadyOwnedByYou'
    s3.put_object(Bucket=other, Key='k', Body=b'x')
    assert refused(s3.delete_bucket, Bucket=other) == ('BucketNotEmpty', 409)
    s3.delete_object(Bucket=other, Key='k')
    s3.delete_bucket(Bucket=other)
    s3.get_waiter('bucket_not_exists').wait(Bucket=other)
    assert refused(s3.head_bucket, Bucket=other) == ('404', 404)


def check_objects():
    content = os.urandom(300_000)
    etag = put('dir/ö +%.bin', content, ContentType='text/x-test', Metadata={'color': 'blue'})['ETag']
    assert etag == f'"{hashlib.md5(content).hexdigest()}"'
    head = s3.head_object(Bucket=bucket, Key='dir/ö +%.bin')
    assert (head['ContentLength'], head['ContentType']) == (len(content), 'text/x-test')
    assert head['Metadata'] == {'color': 'blue'} and head['ETag'] == etag
    assert read('dir/ö +%.bin') == content
    assert read('dir/ö +%.bin', Range='bytes=100-199') == content[100:200]
    assert read('dir/ö +%.bin', Range='bytes=-5') == content[-5:]
    assert read('dir/ö +%.bin', IfMatch=etag) == content

    # A file object that is not a file: its checksum goes in the trailer where the release has trailers.
    put('stream', io.BytesIO(content))
    put('empty', b'')
    assert read('stream') == content and read('empty') == b''
    for algorithm in ['CRC32', 'SHA1', 'SHA256']:
        put(algorithm, content, ChecksumAlgorithm=algorithm)
        head = s3.head_object(Bucket=bucket, Key=algorithm, ChecksumMode='ENABLED')
        assert head[f'Checksum{algorithm}']
        assert read(algorithm, ChecksumMode='ENABLED') == content


def check_transfers():
    content = os.urandom(3_000_000)
    s3.upload_fileobj(io.BytesIO(content), bucket, 'uploaded', ExtraArgs={'StorageClass': 'STANDARD'})
    target = io.BytesIO()
    s3.download_fileobj(bucket, 'uploaded', target)
    assert target.getvalue() == content


def check_multipart():
    """Over the threshold of 8 MiB: parts up, ranges down."""
    content = os.urandom(1 << 20) * 64
    s3.upload_fileobj(io.BytesIO(content), bucket, 'multipart', ExtraArgs={'Metadata': {'a': '1'}})
    target = io.BytesIO()
    s3.download_fileobj(bucket, 'multipart', target)
    assert target.getvalue() == content
    head = s3.head_object(Bucket=bucket, Key='multipart')
    assert head['Metadata'] == {'a': '1'} and head['ETag'].endswith('-8"')

    s3.copy({'Bucket': bucket, 'Key': 'multipart'}, bucket, 'copied in parts',
            Config=TransferConfig(multipart_threshold=8 << 20, multipart_chunksize=16 << 20))
    assert read('copied in parts') == content

    upload = s3.create_multipart_upload(Bucket=bucket, Key='left')['UploadId']
    part = s3.upload_part(Bucket=bucket, Key='left', UploadId=upload, PartNumber=1, Body=content[:5 << 20])
    parts = s3.get_paginator('list_parts').paginate(Bucket=bucket, Key='left', UploadId=upload)
    assert [found['ETag'] for page in parts for found in page['Parts']] == [part['ETag']]
    uploads = s3.get_paginator('list_multipart_uploads').paginate(Bucket=bucket)
    assert [found['Key'] for page in uploads for found in page.get('Uploads', [])] == ['left']
    s3.abort_multipart_upload(Bucket=bucket, Key='left', UploadId=upload)
    assert refused(s3.list_parts, Bucket=bucket, Key='left', UploadId=upload) == ('NoSuchUpload', 404)


def check_listings():
    keys = [f'{n % 5}/{n:03}' for n in range(60)]
    for key in keys:
        put(f'list/{key}', key.encode())
    pages = list(s3.get_paginator('list_objects_v2').paginate(
        Bucket=bucket, Prefix='list/', PaginationConfig={'PageSize': 7}))
    assert len(pages) == 9
    assert [found['Key'] for page in pages for found in page['Contents']] == sorted(f'list/{key}' for key in keys)
    pages = s3.get_paginator('list_objects').paginate(
        Bucket=bucket, Prefix='list/', Delimiter='/', PaginationConfig={'PageSize': 2})
    prefixes = [found['Prefix'] for page in pages for found in page['CommonPrefixes']]
    assert prefixes == [f'list/{n}/' for n in range(5)]
    resource = boto3.resource('s3', endpoint_url=endpoint).Bucket(bucket)
    assert len(list(resource.objects.filter(Prefix='list/1/'))) == 12

    deleted = s3.delete_objects(Bucket=bucket, Delete={'Objects': [{'Key': f'list/{key}'} for key in keys[:50]]})
    assert len(deleted['Deleted']) == 50 and 'Errors' not in deleted
    resource.objects.filter(Prefix='list/').delete()
    assert s3.list_objects_v2(Bucket=bucket, Prefix='list/')['KeyCount'] == 0


def check_copies():
    put('source ö', b'content', Metadata={'a': '1'}, ContentType='text/x-test')
    source = {'Bucket': bucket, 'Key': 'source ö'}
    s3.copy_object(Bucket=bucket, Key='copy', CopySource=source)
    s3.copy_object(Bucket=bucket, Key='copy', CopySource={'Bucket': bucket, 'Key': 'copy'},
                   MetadataDirective='REPLACE', Metadata={'b': '2'})
    assert s3.head_object(Bucket=bucket, Key='copy')['Metadata'] == {'b': '2'}
    s3.copy(source, bucket, 'managed copy')
    assert read('managed copy') == b'content'
    assert s3.head_object(Bucket=bucket, Key='managed copy')['ContentType'] == 'text/x-test'


def check_errors():
    missing = {'Bucket': bucket, 'Key': 'missing'}
    assert refused(s3.get_object, **missing) == ('NoSuchKey', 404)
    try:
        s3.get_object(**missing)
    except s3.exceptions.NoSuchKey:
        pass
    assert refused(s3.head_object, **missing) == ('404', 404)
    assert refused(s3.list_objects_v2, Bucket=f'{bucket}-missing') == ('NoSuchBucket', 404)
    etag = put('there', b'x')['ETag']
    assert refused(s3.get_object, Bucket=bucket, Key='there', IfNoneMatch=etag) == ('304', 304)
    assert refused(s3.get_object, Bucket=bucket, Key='there', IfMatch='"0"') == ('PreconditionFailed', 412)
    assert refused(s3.get_object, Bucket=bucket, Key='there', Range='bytes=7-') == ('InvalidRange', 416)
    assert refused(s3.copy_object, Bucket=bucket, Key='x', CopySource=missing) == ('NoSuchKey', 404)
    forged = boto3.client('s3', endpoint_url=endpoint, aws_secret_access_key='f' * 64,
                          aws_access_key_id=os.environ['AWS_ACCESS_KEY_ID'])
    assert refused(forged.list_buckets) == ('SignatureDoesNotMatch', 403)
    s3.delete_object(**missing)


def check_presigned():
    url = s3.generate_presigned_url('put_object', Params={'Bucket': bucket, 'Key': 'signed ö'})
    request = urllib.request.Request(url, data=b'by url', method='PUT')
    assert urllib.request.urlopen(request).status == 200
    url = s3.generate_presigned_url('get_object', Params={'Bucket': bucket, 'Key': 'signed ö'}, ExpiresIn=60)
    assert urllib.request.urlopen(url).read() == b'by url'


s3.create_bucket(Bucket=bucket)
globals()[f'check_{sys.argv[2]}']()
