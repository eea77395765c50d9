using System.Text;
using System.Text.Json.Nodes;

namespace RnnLm.Tests;

/// <summary>Spoils valid input in the ways of disks, editors and people, the same way for the same seed.</summary>
internal sealed class Mutation(int seed)
{
    private static readonly string[] OddTexts =
    [
        "", "-1", "0", "1", "9223372036854775807", "-9223372036854775808", "99999999999999999999", "2147483648",
        "1e999", "NaN", "0,5", "1_000", "0x10", "null", "true", "x", "--x", "-", "@x", "..", "/", "a\nb", "\u001b[31m",
        "\u2028", "é", "\ud83d\ude00", new string('9', 400), new string('a', 5000),
    ];

    private static readonly Func<JsonNode?>[] OddNodes =
    [
        () => null, () => "", () => "x", () => "a\nb\u0000", () => -1, () => 0, () => 1.5, () => long.MaxValue,
        () => 1e300, () => 1 << 30, () => true, () => new JsonArray(), () => new JsonArray((JsonNode?)null),
        () => new JsonArray(1, "x"), () => new JsonObject(), () => new JsonObject { ["x"] = 1 },
    ];

    private readonly Random _random = new(seed);

    /// <summary>A number from 0 to below <paramref name="count"/>.</summary>
    public int Below(int count) => _random.Next(count);

    /// <summary>One of these.</summary>
    public T Pick<T>(IReadOnlyList<T> items) => items[_random.Next(items.Count)];

    /// <summary>A text that few programs expect.</summary>
    public string OddText() => Pick(OddTexts);

    /// <summary>The bytes with one to three changes.</summary>
    public byte[] Of(byte[] bytes)
    {
        var changed = bytes.ToList();
        for (int change = _random.Next(1, 4); change > 0; change--)
        {
            int at = _random.Next(changed.Count + 1);
            int length = Math.Min(_random.Next(1, 40), changed.Count - at);
            switch (_random.Next(6))
            {
                case 0 when at < changed.Count:
                    changed[at] ^= (byte)(1 << _random.Next(8));
                    break;
                case 1:
                    changed.RemoveRange(at, length);
                    break;
                case 2:
                    changed.RemoveRange(at, changed.Count - at);
                    break;
                case 3:
                    changed.InsertRange(at, changed.GetRange(at, length));
                    break;
                case 4:
                    changed.InsertRange(at, Encoding.UTF8.GetBytes(OddText()));
                    break;
                default:
                    changed.InsertRange(at, Enumerable.Repeat((byte)_random.Next(256), _random.Next(1, 9)));
                    break;
            }
        }

        return [.. changed];
    }

    /// <summary>The JSON with one value replaced, removed or renamed, well-formed as before.</summary>
    public JsonNode Of(JsonNode json)
    {
        var root = json.DeepClone();
        var places = new List<(JsonNode Parent, object Key)>();
        Collect(root, places);
        var (parent, key) = Pick(places);
        if (parent is JsonObject members)
        {
            string name = (string)key;
            if (_random.Next(8) == 0)
            {
                members.Remove(name);
            }
            else
            {
                members[name] = Pick(OddNodes)();
            }
        }
        else
        {
            ((JsonArray)parent)[(int)key] = Pick(OddNodes)();
        }

        return root;
    }

    private static void Collect(JsonNode? node, List<(JsonNode Parent, object Key)> places)
    {
        if (node is JsonObject members)
        {
            foreach (var (name, value) in members)
            {
                places.Add((node, name));
                Collect(value, places);
            }
        }
        else if (node is JsonArray list)
        {
            for (int index = 0; index < list.Count; index++)
            {
                places.Add((node, index));
                Collect(list[index], places);
            }
        }
    }
}
