// Every method by gRPC's implementation in JavaScript. Takes a folder with node_modules, the folder of the .proto
// files, a server's address, its model's folder, and PEM files: authority, client's certificate, its key, as far as
// there are any. Prints what was answered, as JSON.
const { createRequire } = require("node:module");
const fs = require("node:fs");

const [modules, protos, address, folder, ...keys] = process.argv.slice(2);
const installed = createRequire(`${modules}/`);
const grpc = installed("@grpc/grpc-js");
const loader = installed("@grpc/proto-loader");

const MODEL = "half_plus_two";
const definition = loader.loadSync(
  ["tensorflow_serving/apis/prediction_service", "tensorflow_serving/apis/model_service", "grpc/health/v1/health"]
    .map((name) => `${name}.proto`),
  { includeDirs: [protos], keepCase: true, longs: Number, enums: String },
);
const packages = grpc.loadPackageDefinition(definition);
const { PredictionService, ModelService } = packages.tensorflow.serving;
const { Health } = packages.grpc.health.v1;
const signatureDefMap = definition["tensorflow.serving.SignatureDefMap"];

const [authority, certificate, key] = keys.map((file) => fs.readFileSync(file));
const credentials = authority
  ? grpc.credentials.createSsl(authority, key ?? null, certificate ?? null)
  : grpc.credentials.createInsecure();

const ask = (client, method, request, milliseconds = 30_000) => new Promise((resolve, reject) => {
  const deadline = Date.now() + milliseconds;
  client[method](request, { deadline }, (error, response) => (error ? reject(error) : resolve(response)));
});
const refused = (pending) => pending.then(() => "OK", (error) => [grpc.status[error.code], error.details]);
const unary = (client, path) => new Promise((resolve, reject) => {
  client.makeUnaryRequest(path, (bytes) => bytes, (bytes) => bytes, Buffer.alloc(0), (error) => {
    if (error) reject(error); else resolve();
  });
});
// The first answer, and how the stream ends when it is cancelled then.
const watch = (client, service) => new Promise((resolve) => {
  const states = [];
  const stream = client.Watch({ service }, { deadline: Date.now() + 30_000 });
  stream.on("data", (answer) => { states.push(answer.status); stream.cancel(); });
  stream.on("error", (error) => resolve([...states, grpc.status[error.code]]));
});

const spec = (signature) => ({ name: MODEL, signature_name: signature });
const example = (x) => ({ features: { feature: { x: { float_list: { value: [x] } } } } });
const content = (values) => ({
  dtype: "DT_FLOAT",
  tensor_shape: { dim: [{ size: values.length }] },
  tensor_content: Buffer.from(Float32Array.from(values).buffer),
});
const task = (kind) => ({ model_spec: spec(`${kind}_x_to_y`), method_name: `tensorflow/serving/${kind}` });

(async () => {
  const prediction = new PredictionService(address, credentials);
  const models = new ModelService(address, credentials);
  const health = new Health(address, credentials);
  const gzip = { "grpc.default_compression_algorithm": grpc.compressionAlgorithms.gzip };
  const packed = new PredictionService(address, credentials, gzip);
  const predicted = await ask(prediction, "Predict", { model_spec: spec(""), inputs: { x: content([1, 2]) } });
  const classified = await ask(prediction, "Classify", {
    model_spec: spec("classify_x_to_y"), input: { example_list: { examples: [example(2), example(4)] } },
  });
  const regressed = await ask(prediction, "Regress", {
    model_spec: spec("regress_x_to_y"),
    input: { example_list_with_context: { examples: [{}], context: example(6) } },
  });
  const inferred = await ask(prediction, "MultiInference", {
    tasks: [task("classify"), task("regress")], input: { example_list: { examples: [example(2)] } },
  });
  const described = await ask(prediction, "GetModelMetadata", {
    model_spec: { name: MODEL }, metadata_field: ["signature_def"],
  });
  const signatures = signatureDefMap.deserialize(described.metadata.signature_def.value);
  const status = await ask(models, "GetModelStatus", { model_spec: { name: MODEL } });
  const reloaded = await ask(models, "HandleReloadConfigRequest", {
    config: {
      model_config_list: {
        config: [{ name: MODEL, base_path: folder, model_platform: "tensorflow", version_labels: { stable: 123 } }],
      },
    },
  });
  const labelled = await ask(prediction, "Predict", {
    model_spec: { name: MODEL, version_label: "stable" }, inputs: { x: content([0, 1, 2]) }, output_filter: ["y"],
  });
  const twos = { model_spec: spec(""), inputs: { x: content(new Float32Array(500_000).fill(2)) } };
  const large = await ask(prediction, "Predict", twos);
  const unpacked = await ask(packed, "Predict", twos);
  const many = await Promise.all(Array.from({ length: 50 }, (_, index) =>
    ask(prediction, "Predict", { model_spec: spec(""), inputs: { x: content([2 * index]) } })));
  const nobody = ask(prediction, "Predict", { model_spec: { name: "Größe" }, inputs: {} });
  const answers = {
    Predict: [predicted.outputs.y.float_val, predicted.model_spec.version.value],
    Classify: classified.result.classifications.map((row) => row.classes.map((one) => one.score)),
    Regress: regressed.result.regressions.map((one) => one.value),
    MultiInference: inferred.results.map((one) => [
      one.model_spec.signature_name,
      one.classification_result?.classifications[0].classes[0].score ?? one.regression_result.regressions[0].value,
    ]),
    GetModelMetadata: [Object.keys(signatures.signature_def).sort(),
      signatures.signature_def.serving_default.inputs.x.dtype],
    GetModelStatus: status.model_version_status.map((one) => [one.version, one.state]),
    HandleReloadConfigRequest: reloaded.status.error_code ?? "OK",
    "Predict by label": labelled.outputs.y.float_val,
    "a large tensor": [large.outputs.y.float_val.length, new Set(large.outputs.y.float_val).size],
    "many at once": many.map((one) => one.outputs.y.float_val[0]),
    "no model": await refused(nobody),
    "too late": (await refused(ask(prediction, "Predict", twos, -1)))[0],
    "by gzip": [unpacked.outputs.y.float_val.length, new Set(unpacked.outputs.y.float_val).size],
    "Health/Check": (await ask(health, "Check", { service: MODEL })).status,
    "Health/Watch": await watch(health, MODEL),
    SessionRun: (await refused(unary(prediction, "/tensorflow.serving.SessionService/SessionRun")))[0],
  };
  [prediction, models, health, packed].forEach((client) => client.close());
  console.log(JSON.stringify(answers));
})().catch((error) => {
  console.error(grpc.status[error.code] ?? error.stack);
  process.exit(1);
});
