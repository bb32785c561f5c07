/** Writes a model's folder. The same model gives the same bytes: no dates, no machine, no paths. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Manifest } from '../service/core/model.ts';
import type { TensorFlow } from '../service/io/tensorflow.ts';

export type ModelFiles = { readonly 'model.json': Uint8Array; readonly 'weights.bin': Uint8Array };

/** The model in TensorFlow.js' layers format. */
export async function serializeModel(tf: typeof TensorFlow, model: TensorFlow.LayersModel): Promise<ModelFiles> {
  let artifacts: TensorFlow.io.ModelArtifacts | undefined;
  await model.save(
    tf.io.withSaveHandler(async (given) => {
      artifacts = given;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    }),
  );
  const { modelTopology, weightSpecs, weightData, format, generatedBy } = artifacts!;
  const weightsManifest = [{ paths: ['weights.bin'], weights: weightSpecs }];
  const json = { format, generatedBy, convertedBy: null, modelTopology, weightsManifest };
  return {
    'model.json': Buffer.from(`${JSON.stringify(json)}\n`),
    'weights.bin': new Uint8Array(tf.io.CompositeArrayBuffer.join(weightData)),
  };
}

export function checksumsOf(files: ModelFiles): Manifest['checksums'] {
  const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
  return { 'model.json': sha256(files['model.json']), 'weights.bin': sha256(files['weights.bin']) };
}

export function writeModel(folder: string, files: ModelFiles, manifest: Manifest, card: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'model.json'), files['model.json']);
  writeFileSync(join(folder, 'weights.bin'), files['weights.bin']);
  writeFileSync(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 1)}\n`);
  writeFileSync(join(folder, 'README.md'), card);
}
