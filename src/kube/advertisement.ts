import type { L2Advertisement, LabelExpression, LabelSelector } from '../model.ts';
import { decodeWith, list, malformed, record, stringMap, text, texts } from './json.ts';

/** A leasehold.dev/v1alpha1 L2Advertisement. */
export const decodeL2Advertisement = decodeWith<L2Advertisement>((object, meta) => {
  const spec = record(object['spec'] ?? {}, 'spec');
  return {
    name: meta.name,
    pools: texts(spec['ipAddressPools'], 'spec.ipAddressPools'),
    poolSelectors: selectors(spec['ipAddressPoolSelectors'], 'spec.ipAddressPoolSelectors'),
    nodeSelectors: selectors(spec['nodeSelectors'], 'spec.nodeSelectors'),
    interfaces: texts(spec['interfaces'], 'spec.interfaces'),
  };
});

function selectors(value: unknown, where: string): readonly LabelSelector[] {
  return list(value, where).map((item) => {
    const selector = record(item, where);
    return {
      matchLabels: stringMap(selector['matchLabels'], `${where}.matchLabels`),
      matchExpressions: list(selector['matchExpressions'], `${where}.matchExpressions`).map(
        (expression) => readExpression(expression, `${where}.matchExpressions`),
      ),
    };
  });
}

function readExpression(value: unknown, where: string): LabelExpression {
  const expression = record(value, where);
  const operator = text(expression['operator'], `${where}.operator`);
  switch (operator) {
    case 'In':
    case 'NotIn':
    case 'Exists':
    case 'DoesNotExist':
      return {
        key: text(expression['key'], `${where}.key`),
        operator,
        values: texts(expression['values'], `${where}.values`),
      };
    default:
      return malformed(`${where}.operator "${operator}" is not In, NotIn, Exists or DoesNotExist`);
  }
}
