// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title A token whose balances all shrink or grow at once
contract RebasingToken {
    mapping(address => uint256) private _shares;
    uint256 public percent = 100;

    function mint(address to, uint256 amount) external {
        _shares[to] += amount;
    }

    function rebase(uint256 percent_) external {
        percent = percent_;
    }

    function balanceOf(address account) public view returns (uint256) {
        return _shares[account] * percent / 100;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        return _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        return _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private returns (bool) {
        uint256 shares = amount * 100 / percent;
        _shares[from] -= shares;
        _shares[to] += shares;
        return true;
    }
}
