// Handlers that the tests call.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export const answer = async (event, context) => {
  console.log('handling', context.awsRequestId);
  const { method } = event.requestContext.http;
  return { statusCode: 201, headers: { 'x-made-by': 'node' }, body: `${method} ${event.rawPath}` };
};

export const fail = async () => {
  throw new RangeError('no such luck');
};

export const callback = (event, context, done) => {
  setTimeout(() => done(null, { function: context.functionName }), 5);
};

export const streamed = awslambda.streamifyResponse(async (event, stream) => {
  const answer = awslambda.HttpResponseStream.from(stream, {
    statusCode: 202, headers: { 'Content-Type': 'text/plain' }, cookies: ['s=1'],
  });
  answer.write('one ');
  answer.write('two');
  answer.end();
});

export const piped = awslambda.streamifyResponse(async (event, stream) => {
  const answer = awslambda.HttpResponseStream.from(stream, { statusCode: 200 });
  const parts = function* () { for (let i = 0; i < 128; i += 1) yield Buffer.alloc(65536, 'x'); };
  await pipeline(Readable.from(parts()), answer);
});

export const breaks = awslambda.streamifyResponse(async (event, stream) => {
  const answer = awslambda.HttpResponseStream.from(stream, {});
  answer.write('half');
  throw new RangeError('in the middle');
});

export const throws = awslambda.streamifyResponse(async () => {
  throw new RangeError('no such luck');
});
