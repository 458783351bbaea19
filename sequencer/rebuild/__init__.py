"""The exchange rebuilt from L1 alone: nobody's word is taken but the contract's.

    rpc, chain      what an RPC node says, bounded and checked
    events          the contract's logs and the calls that settled, decoded
    sources         where the data of a batch is found: an archive, blobs, the call itself
    records         all of that on disk, so that work is not done twice
    replay          the transactions of each batch applied, and every claim of the batch compared
    follower        from one block to the newest, across reorganisations
    view, server    what users need from it: proofs of accounts and of what they may claim

Signatures are not on L1, so they are not checked here: the proof that the contract verified vouches for them.
"""
