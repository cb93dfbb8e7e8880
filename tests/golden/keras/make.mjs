// SPDX-License-Identifier: Apache-2.0
// Small models of every kind of layer that weir reads, and what TensorFlow.js says of them: models.json.
// README.md beside this says how to run it.
import {createRequire} from 'node:module';
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';

const [folder, target] = process.argv.slice(2);
const require = createRequire(join(folder, 'package.json'));
const tf = require('@tensorflow/tfjs');
const L = tf.layers;
const kSamples = 3;
const kSeparableMultiplier = 2;

/// Mulberry32: the same numbers on every machine.
function numbers(seed) {
    let a = seed >>> 0;
    return () => {
        a = (a + 0x6D2B79F5) | 0;
        let t = Math.imul(a ^ (a >>> 15), 1 | a);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}

function base64(values) {
    const floats = Float32Array.from(values);
    return Buffer.from(floats.buffer).toString('base64');
}

const size = shape => shape.reduce((a, b) => a * b, 1);

/// Every weight, with the models and the layer that it belongs to.
function* weightsOf(layers, around = []) {
    for (const layer of layers) {
        const names = [...around, layer.name];
        if (layer.layers) yield* weightsOf(layer.layers, names);
        else for (const weight of layer.weights) yield {names, weight};
    }
}

function fill(model, random) {
    const stored = [];
    const seen = new Set();
    for (const {names, weight} of weightsOf(model.layers)) {
        if (seen.has(weight)) continue;
        seen.add(weight);
        const name = weight.originalName.split('/').pop();
        const isSpread = name === 'moving_variance';
        const values = Array.from({length: size(weight.shape)}, () => isSpread ? 0.5 + random() : 1.4 * random() - 0.7);
        weight.write(tf.tensor(values, weight.shape));
        stored.push({names, name, shape: weight.shape, values: base64(values)});
    }
    return stored;
}

const models = [];

/// What TensorFlow.js leaves out of its JSON, or writes in another way than Keras.
function asKeras(topology) {
    for (const {class_name: kind, config} of topology.config.layers) {
        if (kind === 'Reshape') config.target_shape = config.target_shape.map(size => size ?? -1);
        if (kind === 'SeparableConv2D') config.depth_multiplier = kSeparableMultiplier;
    }
    return topology;
}

function add(name, model) {
    const random = numbers(1000 + models.length);
    const weights = fill(model, random);
    const shape = [kSamples, ...model.inputs[0].shape.slice(1)];
    const input = Array.from({length: size(shape)}, () => 4 * random() - 2);
    const output = model.predict(tf.tensor(input, shape));
    models.push({name, topology: asKeras(model.toJSON(null, false)), weights, input: {shape, values: base64(input)},
                 output: {shape: output.shape, values: base64(output.dataSync())}});
}

const sequential = (name, layers) => add(name, tf.sequential({layers}));

// ---------------------------------------------------------------------------------- dense, and shapes
sequential('dense', [L.dense({units: 4, inputShape: [5], activation: 'tanh'}), L.dense({units: 2, useBias: false})]);
sequential('dense_on_time', [L.dense({units: 3, inputShape: [4, 5], activation: 'relu'}), L.dense({units: 2, useBias: false})]);
sequential('dense_on_space', [L.dense({units: 2, inputShape: [2, 3, 4]}), L.flatten()]);
sequential('reshape', [L.reshape({targetShape: [6, 2], inputShape: [4, 3]}), L.dense({units: 2}), L.reshape({targetShape: [-1, 4]})]);
sequential('permute', [L.permute({dims: [2, 1], inputShape: [4, 3]}), L.dense({units: 2}), L.flatten()]);
sequential('repeat', [L.repeatVector({n: 3, inputShape: [4]}), L.dense({units: 2})]);
sequential('flatten_channels_first', [L.flatten({dataFormat: 'channelsFirst', inputShape: [2, 3, 2]}), L.dense({units: 2})]);
sequential('dropouts', [L.dense({units: 4, inputShape: [5]}), L.dropout({rate: 0.5}), L.gaussianNoise({stddev: 1}),
                        L.gaussianDropout({rate: 0.3}), L.alphaDropout({rate: 0.3}), L.dense({units: 2})]);

// --------------------------------------------------------------------------------------- activations
for (const activation of ['elu', 'hardSigmoid', 'linear', 'relu', 'relu6', 'selu', 'sigmoid', 'softmax', 'softplus',
                          'softsign', 'tanh', 'swish', 'mish', 'gelu'])
    sequential(`activation_${activation}`, [L.activation({activation, inputShape: [2, 5]})]);
sequential('layer_relu', [L.reLU({maxValue: 1.25, inputShape: [6]})]);
sequential('layer_leaky_relu', [L.leakyReLU({alpha: 0.15, inputShape: [6]})]);
sequential('layer_elu', [L.elu({inputShape: [6]})]);
sequential('layer_thresholded_relu', [L.thresholdedReLU({theta: 0.4, inputShape: [6]})]);
sequential('layer_prelu', [L.prelu({inputShape: [2, 3]})]);
sequential('layer_prelu_shared', [L.prelu({sharedAxes: [1], inputShape: [4, 3]})]);
sequential('layer_softmax', [L.softmax({axis: -1, inputShape: [2, 3]})]);
sequential('conv_softmax', [L.conv2d({filters: 2, kernelSize: 2, inputShape: [3, 4, 1]}), L.softmax({axis: -1})]);

// -------------------------------------------------------------------------------------- convolutions
for (const padding of ['valid', 'same'])
    for (const strides of [1, 2])
        sequential(`conv1d_${padding}_${strides}`, [L.conv1d({filters: 3, kernelSize: 3, padding, strides, inputShape: [7, 2]})]);
for (const padding of ['valid', 'same'])
    sequential(`conv1d_${padding}_dilated`, [L.conv1d({filters: 2, kernelSize: 3, padding, dilationRate: 2, useBias: false, inputShape: [8, 2]})]);
for (const padding of ['valid', 'same'])
    for (const strides of [[1, 1], [2, 1], [3, 2]])
        sequential(`conv2d_${padding}_${strides[0]}${strides[1]}`,
                   [L.conv2d({filters: 3, kernelSize: [3, 2], padding, strides, activation: 'relu', inputShape: [6, 5, 2]})]);
for (const padding of ['valid', 'same'])
    sequential(`conv2d_${padding}_dilated`, [L.conv2d({filters: 2, kernelSize: 2, padding, dilationRate: [2, 3], useBias: false, inputShape: [5, 6, 1]})]);
sequential('conv2d_even_same', [L.conv2d({filters: 2, kernelSize: 4, padding: 'same', strides: 2, inputShape: [7, 6, 2]})]);
sequential('conv2d_channels_first', [L.conv2d({filters: 3, kernelSize: 2, dataFormat: 'channelsFirst', inputShape: [2, 4, 5]}),
                                     L.flatten({dataFormat: 'channelsFirst'}), L.dense({units: 2})]);
sequential('conv2d_twice', [L.conv2d({filters: 3, kernelSize: 2, inputShape: [5, 6, 2], activation: 'elu'}),
                            L.batchNormalization(), L.conv2d({filters: 2, kernelSize: 2}), L.flatten(), L.dense({units: 2})]);
sequential('conv2d_full_width', [L.conv2d({filters: 4, kernelSize: [3, 5], inputShape: [6, 5, 1]}), L.activation({activation: 'relu'}),
                                 L.globalMaxPooling2d({}), L.dense({units: 1, activation: 'sigmoid'})]);
sequential('depthwise', [L.depthwiseConv2d({kernelSize: 3, depthMultiplier: 2, padding: 'same', strides: 2, inputShape: [5, 6, 2]})]);
sequential('separable', [L.separableConv2d({filters: 3, kernelSize: [2, 3], depthMultiplier: kSeparableMultiplier, activation: 'tanh', inputShape: [4, 5, 2]})]);

// ------------------------------------------------------------------------------------------- pooling
for (const padding of ['valid', 'same']) {
    for (const [kind, make] of [['max', L.maxPooling1d], ['average', L.averagePooling1d]])
        sequential(`${kind}_pool1d_${padding}`, [make({poolSize: 3, strides: 2, padding, inputShape: [8, 2]})]);
    for (const [kind, make] of [['max', L.maxPooling2d], ['average', L.averagePooling2d]])
        sequential(`${kind}_pool2d_${padding}`, [make({poolSize: [3, 2], strides: [2, 1], padding, inputShape: [6, 4, 2]})]);
}
sequential('pool_without_strides', [L.maxPooling2d({poolSize: 2, inputShape: [5, 4, 2]}), L.averagePooling2d({poolSize: [2, 1]})]);
sequential('max_pool2d_channels_first', [L.maxPooling2d({poolSize: 2, dataFormat: 'channelsFirst', inputShape: [2, 4, 6]})]);
sequential('global_max1d', [L.conv1d({filters: 3, kernelSize: 2, inputShape: [6, 2]}), L.globalMaxPooling1d({})]);
sequential('global_average1d', [L.globalAveragePooling1d({inputShape: [6, 3]})]);
sequential('global_max2d', [L.globalMaxPooling2d({inputShape: [3, 4, 3]})]);
sequential('global_average2d', [L.conv2d({filters: 3, kernelSize: 2, inputShape: [4, 4, 2]}), L.globalAveragePooling2d({})]);
sequential('global_max2d_channels_first', [L.globalMaxPooling2d({dataFormat: 'channelsFirst', inputShape: [3, 4, 2]})]);

// ------------------------------------------------------------------------------------- normalization
sequential('normalization', [L.batchNormalization({inputShape: [5]})]);
sequential('normalization_without_scale', [L.batchNormalization({scale: false, epsilon: 0.1, inputShape: [2, 4]})]);
sequential('normalization_without_center', [L.batchNormalization({center: false, inputShape: [2, 2, 3]})]);

// ----------------------------------------------------------------------------------------- recurrent
sequential('lstm', [L.lstm({units: 4, inputShape: [5, 3], recurrentActivation: 'sigmoid'})]);
sequential('lstm_hard_sigmoid', [L.lstm({units: 3, inputShape: [5, 2], recurrentActivation: 'hardSigmoid'})]);
sequential('lstm_sequences', [L.lstm({units: 3, inputShape: [5, 2], recurrentActivation: 'sigmoid', returnSequences: true, useBias: false}), L.dense({units: 2})]);
sequential('lstm_backwards', [L.lstm({units: 3, inputShape: [5, 2], recurrentActivation: 'sigmoid', goBackwards: true, activation: 'relu'})]);
sequential('lstm_twice_backwards', [L.lstm({units: 3, inputShape: [5, 2], recurrentActivation: 'sigmoid', goBackwards: true, returnSequences: true}),
                                    L.activation({activation: 'relu'}), L.lstm({units: 2, recurrentActivation: 'softsign', activation: 'elu'})]);
sequential('gru', [L.gru({units: 4, inputShape: [5, 3], recurrentActivation: 'sigmoid', resetAfter: false})]);
sequential('gru_hard_sigmoid', [L.gru({units: 3, inputShape: [4, 2], recurrentActivation: 'hardSigmoid', activation: 'linear', resetAfter: false})]);
sequential('gru_sequences', [L.gru({units: 3, inputShape: [5, 2], recurrentActivation: 'sigmoid', returnSequences: true, goBackwards: true, useBias: false, resetAfter: false}),
                             L.globalMaxPooling1d({})]);
sequential('simple_rnn', [L.simpleRNN({units: 3, inputShape: [5, 2], returnSequences: true}), L.simpleRNN({units: 2, activation: 'relu', goBackwards: true})]);
sequential('conv1d_lstm', [L.conv1d({filters: 3, kernelSize: 2, inputShape: [6, 2]}), L.maxPooling1d({poolSize: 2}), L.lstm({units: 2, recurrentActivation: 'sigmoid'}), L.dense({units: 1})]);

// ---------------------------------------------------------------------------------------- functional
function functional(name, shape, build) {
    const input = tf.input({shape});
    add(name, tf.model({inputs: input, outputs: build(input)}));
}
for (const kind of ['add', 'multiply', 'average', 'maximum', 'minimum'])
    functional(`merge_${kind}`, [4], x => L[kind]().apply([L.dense({units: 3}).apply(x), L.dense({units: 3}).apply(x), L.dense({units: 3}).apply(x)]));
functional('merge_broadcast', [3, 4], x => L.add().apply([x, L.dense({units: 1}).apply(x)]));
functional('concatenate', [4], x => L.concatenate().apply([L.dense({units: 3}).apply(x), x, L.dense({units: 2}).apply(x)]));
functional('concatenate_axis', [2, 4], x => L.concatenate({axis: 1}).apply([L.dense({units: 4}).apply(x), x]));
functional('inception', [6, 5, 2], x => {
    const branch = kernelSize => L.conv2d({filters: 2, kernelSize, padding: 'same', activation: 'relu'}).apply(x);
    const all = L.concatenate().apply([branch(1), branch(3), L.maxPooling2d({poolSize: 3, strides: 1, padding: 'same'}).apply(x)]);
    return L.dense({units: 2, activation: 'softmax'}).apply(L.globalAveragePooling2d({}).apply(all));
});
functional('residual', [6, 2], x => {
    const y = L.conv1d({filters: 2, kernelSize: 3, padding: 'same', activation: 'relu'}).apply(x);
    return L.dense({units: 1}).apply(L.flatten().apply(L.add().apply([x, y])));
});
functional('shared', [4], x => {
    const twice = L.dense({units: 4, activation: 'tanh'});
    return L.concatenate().apply([twice.apply(twice.apply(x)), twice.apply(x)]);
});
functional('nested', [5], x => {
    const inside = tf.sequential({name: 'inside', layers: [L.dense({units: 4, inputShape: [5], name: 'first'}), L.dense({units: 3, name: 'second'})]});
    return L.dense({units: 2, name: 'last'}).apply(inside.apply(x));
});

writeFileSync(target, JSON.stringify({made_with: `@tensorflow/tfjs ${tf.version.tfjs}`, models}).replaceAll('},{"name"', '},\n{"name"') + '\n');
