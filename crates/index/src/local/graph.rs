//! Who are the neighbours of this point?
//!
//! The layers of a navigable small world graph (Malkov and Yashunin, 2016), flat: in each layer one list of
//! neighbours after the other, and where each begins.

use std::fs;
use std::path::Path;

use crate::IndexError;
use crate::local::pool::MAX_POINTS;

pub(crate) const GRAPH: &str = "graph.u32";

const MAGIC: &[u8; 8] = b"CLQGRPH\0";
const VERSION: u32 = 1;

/// A graph over the places `0..points`, checked: every neighbour exists.
#[derive(Debug, PartialEq)]
pub(crate) struct Graph {
    /// Where every walk begins.
    entry: u32,
    /// The lowest layer, which holds every point, then the upper ones.
    layers: Vec<Layer>,
}

/// One layer: `nodes` ascending, with a list of neighbours each.
#[derive(Debug, PartialEq)]
struct Layer {
    nodes: Vec<u32>,
    starts: Vec<u32>,
    neighbours: Vec<u32>,
}

impl Graph {
    /// Lays out the lists of neighbours of the lowest layer, point by point, and the `upper` layers, the lowest of them
    /// first, each as (node, neighbours) ascending by node. `None` if they make no graph.
    pub(crate) fn new(entry: u32, base: &[Vec<u32>], upper: &[Vec<(u32, Vec<u32>)>]) -> Option<Self> {
        let mut layers = vec![Layer::new((0..).zip(base.iter().map(Vec::as_slice)))?];
        for lists in upper {
            layers.push(Layer::new(lists.iter().map(|(node, neighbours)| (*node, neighbours.as_slice())))?);
        }
        Self { entry, layers }.checked(base.len())
    }

    /// Reads the file, which was compared with the manifest before.
    pub(crate) fn open(path: &Path, points: usize) -> Result<Self, IndexError> {
        let bytes = fs::read(path).map_err(|source| IndexError::io("read", path, source))?;
        Self::decode(&bytes, points).ok_or_else(|| IndexError::content(path, "layout"))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let mut put = |number: u32| bytes.extend(number.to_le_bytes());
        put(VERSION);
        put(self.entry);
        put(self.layers.len() as u32);
        for layer in &self.layers {
            put(layer.nodes.len() as u32);
            put(layer.neighbours.len() as u32);
            for number in layer.nodes.iter().chain(&layer.starts).chain(&layer.neighbours) {
                put(*number);
            }
        }
        bytes
    }

    fn decode(bytes: &[u8], points: usize) -> Option<Self> {
        let (numbers, rest) = bytes.strip_prefix(MAGIC)?.as_chunks::<4>();
        let mut numbers = numbers.iter().map(|bytes| u32::from_le_bytes(*bytes));
        if !rest.is_empty() || numbers.next()? != VERSION {
            return None;
        }
        let entry = numbers.next()?;
        let layers = numbers.next()?;
        let mut take = |count: usize| {
            let taken: Vec<u32> = numbers.by_ref().take(count).collect();
            (taken.len() == count).then_some(taken)
        };
        let mut flat = Vec::new();
        for _ in 0..layers {
            let sizes = take(2)?;
            let (nodes, neighbours) = (sizes[0] as usize, sizes[1] as usize);
            flat.push(Layer { nodes: take(nodes)?, starts: take(nodes + 1)?, neighbours: take(neighbours)? });
        }
        if take(1).is_some() {
            return None;
        }
        Self { entry, layers: flat }.checked(points)
    }

    fn checked(self, points: usize) -> Option<Self> {
        let base = self.layers.first()?;
        let whole = base.nodes.len() == points && base.nodes.iter().copied().eq(0..points as u32);
        let sound = self.layers.iter().all(|layer| layer.is_sound(points));
        let enters = self.layers.last()?.nodes.binary_search(&self.entry).is_ok();
        (whole && sound && enters && points <= MAX_POINTS).then_some(self)
    }

    pub(crate) fn entry(&self) -> u32 {
        self.entry
    }

    /// Upper layers, counted from 1; 0 is the lowest.
    pub(crate) fn top_layer(&self) -> usize {
        self.layers.len() - 1
    }

    /// Neighbours of `point` in `layer`; none if the point does not reach so high.
    pub(crate) fn neighbours(&self, layer: usize, point: u32) -> &[u32] {
        let here = &self.layers[layer];
        let at = if layer == 0 { Some(point as usize) } else { here.nodes.binary_search(&point).ok() };
        at.map_or(&[], |at| &here.neighbours[here.starts[at] as usize..here.starts[at + 1] as usize])
    }
}

impl Layer {
    fn new<'a>(lists: impl Iterator<Item = (u32, &'a [u32])>) -> Option<Self> {
        let mut layer = Self { nodes: Vec::new(), starts: vec![0], neighbours: Vec::new() };
        for (node, neighbours) in lists {
            layer.nodes.push(node);
            layer.neighbours.extend(neighbours);
            layer.starts.push(u32::try_from(layer.neighbours.len()).ok()?);
        }
        Some(layer)
    }

    fn is_sound(&self, points: usize) -> bool {
        self.starts.len() == self.nodes.len() + 1
            && self.starts.first() == Some(&0)
            && self.starts.last().map(|end| *end as usize) == Some(self.neighbours.len())
            && self.starts.is_sorted()
            && self.nodes.windows(2).all(|pair| pair[0] < pair[1])
            && self.nodes.iter().chain(&self.neighbours).all(|point| (*point as usize) < points)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Graph {
        let base = [vec![1], vec![0, 2], vec![1]];
        Graph::new(2, &base, &[vec![(2, vec![])]]).expect("a graph")
    }

    #[test]
    fn a_graph_reads_back_as_it_was_written() {
        let graph = small();
        assert_eq!(Graph::decode(&graph.encode(), 3).as_ref(), Some(&graph));
        assert_eq!(graph.neighbours(0, 1), [0, 2]);
        assert_eq!(graph.neighbours(1, 1), [0u32; 0], "1 does not reach layer 1");
    }

    #[test]
    fn bytes_that_make_no_graph_are_refused_without_a_panic() {
        let bytes = small().encode();
        for end in 0..bytes.len() {
            assert_eq!(Graph::decode(&bytes[..end], 3), None, "cut at {end}");
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x80;
            assert_eq!(Graph::decode(&changed, 3), None, "high bit of byte {at}");
        }
        assert_eq!(Graph::decode(&bytes, 4), None, "a point is missing");
        let longer: Vec<u8> = bytes.iter().copied().chain([0; 4]).collect();
        assert_eq!(Graph::decode(&longer, 3), None);
    }

    #[test]
    fn lists_that_name_a_point_that_is_not_there_make_no_graph() {
        assert!(Graph::new(0, &[vec![2], vec![]], &[]).is_none());
        assert!(Graph::new(2, &[vec![], vec![]], &[]).is_none());
        assert!(
            Graph::new(1, &[vec![], vec![]], &[vec![(0, vec![])]]).is_none(),
            "the entry must stand in the top layer"
        );
        assert!(Graph::new(0, &[vec![], vec![]], &[vec![(0, vec![2])]]).is_none());
        assert!(Graph::new(0, &[], &[]).is_none());
    }
}
