// The whole cycle by the AWS SDK for JavaScript v3, with a stream as body: aws-chunked with a checksum trailer, over http too.
import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { S3Client, CreateBucketCommand, PutObjectCommand, ListObjectsV2Command, GetObjectCommand, DeleteObjectCommand, DeleteBucketCommand } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';

const [endpoint, Bucket, folder] = process.argv.slice(2);
const s3 = new S3Client({ endpoint, forcePathStyle: true });
await s3.send(new CreateBucketCommand({ Bucket }));
const sizes = { 'small.txt': Number(process.argv[5]), 'big.bin': Number(process.argv[6]) };
for (const name of Object.keys(sizes)) {
  await s3.send(new PutObjectCommand({ Bucket, Key: `dir/${name}`, Body: createReadStream(`${folder}/in/${name}`), ContentLength: sizes[name] }));
}
await new Upload({ client: s3, params: { Bucket, Key: 'dir/upload', Body: createReadStream(`${folder}/in/big.bin`) }, partSize: 5 << 20 }).done();
const listed = (await s3.send(new ListObjectsV2Command({ Bucket }))).Contents.map((o) => o.Key).join();
if (listed !== 'dir/big.bin,dir/small.txt,dir/upload') throw new Error(`listed ${listed}`);
for (const name of [...Object.keys(sizes), 'upload']) {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: `dir/${name}` }));
  await pipeline(Body, createWriteStream(`${folder}/out/${name}`));
  await s3.send(new DeleteObjectCommand({ Bucket, Key: `dir/${name}` }));
}
await s3.send(new DeleteBucketCommand({ Bucket }));
