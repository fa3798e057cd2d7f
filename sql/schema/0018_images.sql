-- The few of many images of nodes about which something is to be done.
create index node_images_unsettled on node_images (ref) where state <> 'present' or prune_at is not null;
