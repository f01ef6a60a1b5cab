// A small client of Lambda's Runtime API for Node.js.
'use strict';
const http = require('node:http');
const path = require('node:path');
const fs = require('node:fs');
const util = require('node:util');
const { pathToFileURL } = require('node:url');

const environment = process.env;
const [host, port] = environment.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
const BASE = '/2018-06-01/runtime/';
let requestId = '';

// The lines of a function carry the time, the invocation and a level.
for (const [method, level] of Object.entries({
  log: 'INFO', info: 'INFO', warn: 'WARN', error: 'ERROR', debug: 'DEBUG', trace: 'TRACE',
})) {
  console[method] = (...parts) => {
    const text = util.format(...parts).replace(/\n/g, '\r');
    const line = `${new Date().toISOString()}\t${requestId || 'undefined'}\t${level}\t${text}\n`;
    fs.writeSync(1, line);
  };
}

function request(method, where, headers) {
  return http.request({ host, port, agent, method, path: BASE + where, headers });
}

function call(method, where, body, headers = {}) {
  return new Promise((resolve, reject) => {
    if (body !== undefined) headers['Content-Length'] = Buffer.byteLength(body);
    const asked = request(method, where, headers);
    asked.on('error', reject);
    asked.on('response', (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => resolve({
        headers: response.headers, status: response.statusCode, body: Buffer.concat(parts),
      }));
    });
    asked.end(body);
  });
}

function told(error, kind) {
  if (!(error instanceof Error) && !(error && error.message && error.name)) {
    const text = typeof error === 'string' ? error : util.inspect(error);
    return { errorType: kind || typeof error, errorMessage: text, trace: [] };
  }
  return {
    errorType: kind || error.name,
    errorMessage: error.message,
    trace: String(error.stack || '').split('\n'),
  };
}

function fail(where, body, title) {
  console.error(title, JSON.stringify(body));
  const headers = {
    'Content-Type': 'application/json',
    'Lambda-Runtime-Function-Error-Type': body.errorType,
  };
  return call('POST', where, JSON.stringify(body), headers);
}

// Streaming: the handler writes its answer while it makes it.
const STREAMING = Symbol('streaming');
globalThis.awslambda = {
  streamifyResponse(handler, options) {
    handler[STREAMING] = options || {};
    return handler;
  },
  HttpResponseStream: {
    from(stream, prelude) {
      stream.setContentType('application/vnd.awslambda.http-integration-response');
      stream.write(JSON.stringify(prelude));
      stream.write(Buffer.alloc(8));
      return stream;
    },
  },
};

async function load() {
  const name = environment._HANDLER;
  const base = path.basename(name);
  const dot = base.indexOf('.');
  if (dot < 1) {
    throw Object.assign(new Error(`Bad handler ${name}`), { name: 'Runtime.MalformedHandlerName' });
  }
  const stem = path.resolve(environment.LAMBDA_TASK_ROOT, path.dirname(name), base.slice(0, dot));
  const file = ['', '.js', '.mjs', '.cjs'].map((end) => stem + end)
    .find((each) => fs.existsSync(each) && fs.statSync(each).isFile());
  if (!file) {
    const text = `Error: Cannot find module '${base.slice(0, dot)}'`;
    throw Object.assign(new Error(text), { name: 'Runtime.ImportModuleError' });
  }
  let module;
  try {
    module = await import(pathToFileURL(file).href);
  } catch (error) {
    const name = error instanceof SyntaxError ? 'Runtime.UserCodeSyntaxError' : undefined;
    if (name) throw Object.assign(new Error(String(error)), { name });
    throw error;
  }
  const names = base.slice(dot + 1).split('.');
  const within = (root) => names.reduce((at, part) => (at == null ? at : at[part]), root);
  const handler = within(module) || within(module.default);
  if (typeof handler !== 'function') {
    const text = `${name} is undefined or not exported`;
    throw Object.assign(new Error(text), { name: 'Runtime.HandlerNotFound' });
  }
  return handler;
}

function contextOf(headers, finish) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  const read = (name) => (headers[name] ? JSON.parse(headers[name]) : undefined);
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: environment.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: environment.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: environment.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: environment.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: environment.AWS_LAMBDA_LOG_STREAM_NAME,
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    clientContext: read('lambda-runtime-client-context'),
    identity: read('lambda-runtime-cognito-identity'),
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
    succeed: (value) => finish(null, value),
    fail: (error) => finish(error || new Error('handler failed')),
    done: (error, value) => finish(error, value),
  };
}

function buffered(handler, event, headers) {
  return new Promise((resolve, reject) => {
    const finish = (error, value) => (error ? reject(error) : resolve(value));
    const result = handler(event, contextOf(headers, finish), finish);
    if (result && typeof result.then === 'function') result.then(resolve, reject);
    else if (handler.length < 3 && result !== undefined) resolve(result);
  });
}

async function streamed(handler, event, headers) {
  const where = `invocation/${requestId}/response`;
  let type = 'application/octet-stream';
  const asked = request('POST', where, {
    'Lambda-Runtime-Function-Response-Mode': 'streaming',
    'Transfer-Encoding': 'chunked',
    Trailer: ['Lambda-Runtime-Function-Error-Type', 'Lambda-Runtime-Function-Error-Body'],
  });
  const answered = new Promise((resolve, reject) => {
    asked.on('error', reject);
    asked.on('response', (response) => response.resume().on('end', resolve));
  });
  answered.catch(() => undefined);
  asked.setContentType = (value) => {
    type = value;
    if (!asked.headersSent) asked.setHeader('Content-Type', type);
  };
  asked.setHeader('Content-Type', type);
  try {
    await handler(event, asked, contextOf(headers, () => undefined));
    if (!asked.writableEnded) asked.end();
  } catch (error) {
    const body = told(error);
    console.error('Invoke Error', JSON.stringify(body));
    if (!asked.headersSent) {
      asked.destroy();
      await fail(`invocation/${requestId}/error`, body, 'Invoke Error');
      return;
    }
    asked.addTrailers({
      'Lambda-Runtime-Function-Error-Type': body.errorType,
      'Lambda-Runtime-Function-Error-Body': Buffer.from(JSON.stringify(body)).toString('base64'),
    });
    asked.end();
  }
  await answered;
}

async function serve(handler) {
  for (;;) {
    const { headers, body } = await call('GET', 'invocation/next');
    requestId = headers['lambda-runtime-aws-request-id'];
    environment._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'] || '';
    const event = JSON.parse(body.toString());
    if (handler[STREAMING]) {
      await streamed(handler, event, headers);
      continue;
    }
    let answer;
    try {
      const value = await buffered(handler, event, headers);
      answer = JSON.stringify(value === undefined ? null : value);
    } catch (error) {
      await fail(`invocation/${requestId}/error`, told(error), 'Invoke Error');
      continue;
    }
    await call('POST', `invocation/${requestId}/response`, answer, {
      'Content-Type': 'application/json',
    });
  }
}

async function die(error, kind, code) {
  const where = requestId ? `invocation/${requestId}/error` : 'init/error';
  await fail(where, told(error, kind), 'Uncaught Exception').catch(() => undefined);
  process.exit(code);
}
process.on('uncaughtException', (error) => die(error, undefined, 129));
process.on('unhandledRejection', (error) => die(error, 'Runtime.UnhandledPromiseRejection', 128));

load().then(serve, async (error) => {
  await fail('init/error', told(error), 'Uncaught Exception').catch(() => undefined);
  process.exit(1);
});
