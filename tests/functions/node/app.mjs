// Handlers that the tests call.
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
